"""One joined sequence of a comparison in full: each model's own tokens, and the characters that each stands for."""

import re
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.services import results, units
from app.services.errors import InvalidInput
from app.services.shapes import ComparedRun, ComparedSequence, Comparison, HeldDocument, InfluenceDetail
from app.web import tokens
from app.web.context import PlacedPiece, SameColumn, SameText
from app.web.views import sequence_url, without_start

PLACE = re.compile(r"(\d)-(\d{1,4})")


def key_of(found: Comparison, at: str | None) -> int | None:
    """Which joined sequence an address means: "1-4" is the 4th of the second run; without one, that of most runs.

    Raises: InvalidInput where there is none there.
    """
    if at is None:
        order = sorted(range(len(found.sequences)), key=lambda key: -_kept_by(found.sequences[key]))
        return order[0] if order else None
    match = PLACE.fullmatch(at)
    run, rank = (int(match[1]), int(match[2])) if match else (-1, 0)
    for key, one in enumerate(found.sequences):
        if 0 <= run < len(found.runs) and one.ranks[run] == rank:
            return key
    raise InvalidInput(f"There is no sequence {at!r} in this comparison.", "Choose one from its list.", "at")


def address_of(one: ComparedSequence) -> str:
    """What `key_of` reads as this sequence."""
    return next(f"{run}-{rank}" for run, rank in enumerate(one.ranks) if rank is not None)


def _kept_by(one: ComparedSequence) -> int:
    return sum(rank is not None for rank in one.ranks)


def same_text(session: Session, found: Comparison, names: Sequence[str], key: int | None) -> SameText | None:
    """A joined sequence under each run that keeps it; the runs are called by `names`."""
    if key is None:
        return None
    joined = found.sequences[key]
    columns = zip(found.runs, names, joined.sequence_ids, strict=True)
    return SameText(key, joined.document, tuple(_column(session, *each) for each in columns))


def _column(session: Session, run: ComparedRun, name: str, sequence_id: int | None) -> SameColumn:
    if sequence_id is None:
        return SameColumn(run, name, None, None, None, (), units.unit(run.training_sequences))
    detail = results.influence(session, run.run, sequence_id)
    unit = units.unit(run.training_sequences)
    url = sequence_url(run.query, sequence_id, run.run)
    return SameColumn(run, name, detail.rank, unit.of(detail.influence), url, _pieces(detail), unit)


def _pieces(detail: InfluenceDetail) -> tuple[PlacedPiece, ...]:
    shown, start = without_start(detail), 0
    found = []
    for piece, text in zip(tokens.every(shown, detail.token_influences), shown, strict=True):
        # A beginning-of-sequence token stands for no character.
        if text:
            found.append(_placed(piece, start, start + len(text), detail.documents))
        start += len(text)
    return tuple(found)


def _placed(piece: tokens.Piece, start: int, stop: int, held: Sequence[HeldDocument]) -> PlacedPiece:
    """A token with the document that it lies in and its characters there; those of the text where nothing is told."""
    for one in held:
        if one.start <= start < one.stop:
            shift = one.begins - one.start
            return PlacedPiece(piece, one.document, start + shift, stop + shift)
    return PlacedPiece(piece, "" if not held else None, start, stop)
