"""Cursors: opaque places in a list, from which its next page begins. Rows that come in between shift nothing."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from app.services import identity
from app.services.characters import unusable
from app.services.errors import InvalidInput

LONGEST = 1_000


def encode(of: str, choices: object, place: list[Any]) -> str:
    """The cursor of a place in the list `of` under `choices`; both must be the same when it is read."""
    told = json.dumps([of, _digest(choices), *place], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def decode(of: str, choices: object, cursor: str, kinds: tuple[type, ...]) -> list[Any]:
    """The place that `encode` was given, with values of these kinds. Raises: InvalidInput for any other text."""
    found = _read(cursor)
    if found is None or len(found) != 2 + len(kinds) or found[0] != of:
        raise _refused(f"{cursor[:60]!r} is no cursor of this list.")
    if found[1] != _digest(choices):
        raise _refused("The cursor was made under other choices, or its list is not what it was.")
    if not all(type(value) is kind for value, kind in zip(found[2:], kinds, strict=True)):
        raise _refused(f"{cursor[:60]!r} is no cursor of this list.")
    return found[2:]


def _digest(choices: object) -> str:
    return identity.digest(choices).hex()[:12]


def _refused(problem: str) -> InvalidInput:
    return InvalidInput(problem, "Take the `next` of the page before as it is, or leave the cursor out.", "cursor")


def _read(cursor: str) -> list[Any] | None:
    if len(cursor) > LONGEST:
        return None
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def moment(of: str, choices: object, cursor: str) -> tuple[datetime, str]:
    """The moment and the id of the last row before the next page, as `after_moment` wrote them."""
    text, key = decode(of, choices, cursor, (str, str))
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise _refused(f"{cursor[:60]!r} is no cursor of this list.") from error
    if at.tzinfo is None or unusable(key):
        raise _refused(f"{cursor[:60]!r} is no cursor of this list.")
    return at.astimezone(UTC), key


def after_moment(of: str, choices: object, at: datetime, key: str) -> str:
    """The cursor behind a row of a list that is ordered by a moment, the latest first, and then by id."""
    return encode(of, choices, [at.isoformat(), key])


def behind(
    moments: InstrumentedAttribute[datetime], keys: InstrumentedAttribute[str], at: datetime, key: str
) -> ColumnElement[bool]:
    """The rows behind a place, where the latest stand first and those of one moment by id."""
    return or_(moments < at, and_(moments == at, keys > key))
