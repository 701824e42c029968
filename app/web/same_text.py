"""One joined sequence of a comparison in full: each model's own tokens, and the characters that each stands for."""

import re
from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from app.services import results
from app.services.errors import InvalidInput
from app.services.joining import Joinable, Row
from app.services.shapes import HeldDocument, PlacedRow
from app.web import tokens
from app.web.context import PlacedPiece, SameColumn, SameText, SideView
from app.web.views import sequence_url, without_start

PLACE = re.compile(r"(\d)-(\d{1,4})")


def key_of(rows: Sequence[Row], at: str | None) -> int | None:
    """Which joined sequence an address means: "1-4" is the 4th of the second run; without one, that of most runs.

    Raises: InvalidInput where there is none there.
    """
    if at is None:
        return min(range(len(rows)), key=lambda key: rows[key].count(None), default=None)
    match = PLACE.fullmatch(at)
    run, rank = (int(match[1]), int(match[2])) if match else (-1, 0)
    for key, row in enumerate(rows):
        held = row[run] if 0 <= run < len(row) else None
        if held is not None and held.rank == rank:
            return key
    raise InvalidInput(f"There is no sequence {at!r} in this comparison.", "Choose one from its list.", "at")


def address_of(ranks: Sequence[int | None]) -> str:
    """What `key_of` reads as the sequence of these ranks."""
    return next(f"{run}-{rank}" for run, rank in enumerate(ranks) if rank is not None)


def same_text(
    session: Session, rows: Sequence[Row], sides: Sequence[SideView], at: str | None, url: Callable[[str], str]
) -> SameText | None:
    """The joined sequence of an address under each run that keeps it; `url` is the page of another address."""
    key = key_of(rows, at)
    if key is None:
        return None
    columns = tuple(_column(session, side, held) for side, held in zip(sides, rows[key], strict=True))
    return SameText(
        number=key + 1,
        of=len(rows),
        document=next(held.document for held in rows[key] if held is not None),
        columns=columns,
        previous=url(_address(rows[key - 1])) if key > 0 else None,
        next=url(_address(rows[key + 1])) if key + 1 < len(rows) else None,
    )


def _address(row: Row) -> str:
    return address_of([None if held is None else held.rank for held in row])


def _column(session: Session, side: SideView, held: Joinable | None) -> SameColumn:
    if held is None:
        return SameColumn(side, None, None, None, ())
    row = results.placed(session, side.run.run, held.sequence_id)
    url = sequence_url(side.run.query, held.sequence_id, side.run.run)
    return SameColumn(side, row.rank, side.unit.of(row.influence), url, _pieces(row))


def _pieces(row: PlacedRow) -> tuple[PlacedPiece, ...]:
    shown, start = without_start(row), 0
    found = []
    for piece, text in zip(tokens.every(shown, row.token_influences), shown, strict=True):
        # A beginning-of-sequence token stands for no character.
        if text:
            found.append(_placed(piece, start, start + len(text), row.documents))
        start += len(text)
    return tuple(found)


def _placed(piece: tokens.Piece, start: int, stop: int, held: Sequence[HeldDocument]) -> PlacedPiece:
    """A token with the document that it lies in and its characters there; those of the text where nothing is told."""
    for one in held:
        if one.start <= start < one.stop:
            shift = one.begins - one.start
            return PlacedPiece(piece, one.document, start + shift, stop + shift)
    return PlacedPiece(piece, "" if not held else None, start, stop)
