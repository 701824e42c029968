"""Pages of a list: the cursor that a request names, and the link to the page that follows (RFC 8288)."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from app.services import cursors
from app.services.errors import InvalidInput

MOST_OFFSET = 1_000_000_000

Cursor = Annotated[
    str | None,
    Query(
        max_length=1_000, description="`next` of the page before, with the other choices as they were; none: the first"
    ),
]


Offset = Annotated[int, Query(ge=0, le=MOST_OFFSET, description="how many rows to pass over, without a cursor")]
Limit = Annotated[int, Query(ge=1, le=500, description="how many rows at most")]


def linked_on(request: Request, response: Response, cursor: str | None) -> None:
    """Adds the header `Link` with the next page, if there is one: this request's address with that cursor."""
    if cursor is not None:
        kept = [pair for pair in request.query_params.multi_items() if pair[0] not in ("cursor", "offset")]
        response.headers["link"] = f'<{request.url.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'


def offset_of(of: str, choices: object, cursor: str | None, offset: int) -> int:
    """How many rows of a list that never changes stand before a page: those before the cursor, or `offset`.

    Raises: InvalidInput for both, and for a cursor of another list or of other choices.
    """
    if cursor is None:
        return offset
    if offset:
        raise InvalidInput("Both a cursor and an offset are given.", "Leave one of them out.", "cursor")
    [found] = cursors.decode(of, choices, cursor, (int,))
    if not 0 <= found <= MOST_OFFSET:
        raise InvalidInput("The cursor is none of this list.", "Take the `next` of the page before as it is.", "cursor")
    return int(found)


def next_of(of: str, choices: object, stop: int, total: int) -> str | None:
    """The cursor behind the first `stop` of `total` rows, where more follow."""
    return cursors.encode(of, choices, [stop]) if stop < total else None
