"""A run over candidates, read in the order in which they were given, each held against one of them."""

from collections.abc import Sequence as Many
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Influence, Query, Run
from app.services import candidates, results, units
from app.services.candidates import Listed
from app.services.errors import InvalidInput
from app.services.shapes import CandidatePage, CandidateRow

NOTHING = 0.0


@dataclass(frozen=True)
class _Scored:
    """What rows are made of: the list, and the influence of each candidate by its place from 0."""

    run: Run
    query: Query
    listed: list[Listed]
    influence: dict[int, float]

    def of(self, place: int) -> float:
        """The influence of the candidate at a place from 1; one that is kept with neither sign has exactly 0."""
        return self.influence.get(place - 1, NOTHING)


def in_order(
    session: Session, run_id: str, reference: int = 1, offset: int = 0, limit: int | None = None
) -> CandidatePage:
    """The candidates of a done run from place `offset` + 1 on, all that follow without a limit.

    Raises: NotFound; Conflict when the run is not done; InvalidInput when it scored a corpus, or when `reference` is
    no place in the list.
    """
    scored = _scored(session, run_id)
    total = len(scored.listed)
    if not 1 <= reference <= total:
        raise InvalidInput(f"There is no candidate {reference} of {total:,}.", f"Give 1 to {total:,}.", "reference")
    stop = total if limit is None else min(offset + limit, total)
    return CandidatePage.model_validate(
        {
            "run": scored.run.id,
            "query": scored.query.id,
            "candidates": candidates.view(session, scored.query.candidates),
            "reference": reference,
            "offset": offset,
            "limit": total if limit is None else limit,
            "total": total,
            "training_sequences": scored.run.training_sequences,
            "unit": units.unit(scored.run.training_sequences).key,
            "layers": scored.run.layers,
            "rows": _rows(session, scored, reference, range(offset + 1, stop + 1)),
        }
    )


def candidate(session: Session, run_id: str, place: int) -> Listed:
    """One candidate of a run by its place from 1."""
    listed = _scored(session, run_id).listed
    if not 1 <= place <= len(listed):
        raise InvalidInput(f"There is no candidate {place} of {len(listed):,}.", "Choose one of the list.", "place")
    return listed[place - 1]


def _scored(session: Session, run_id: str) -> _Scored:
    run = results.done_run(session, run_id)
    query = session.get_one(Query, run.query_id)
    if query.candidates is None:
        raise InvalidInput(
            f"The run {run_id!r} scored the corpus {query.corpus!r}, not candidates.",
            "Look at its ranked lists.",
            "run",
        )
    kept = session.execute(select(Influence.sequence_id, Influence.influence).where(Influence.run_id == run_id))
    influence = {place: value for place, value in kept}  # noqa: C416 - a Row is no pair to mypy
    return _Scored(run, query, candidates.read(session, query.candidates), influence)


def _rows(session: Session, scored: _Scored, reference: int, places: Many[int]) -> list[CandidateRow]:
    chosen = select(Influence).where(Influence.run_id == scored.run.id)
    wanted = chosen.where(Influence.sequence_id.in_([place - 1 for place in places]))
    kept = {one.sequence_id: one for one in session.scalars(wanted)}
    start = results.start_token(session, scored.run)
    return [_row(scored, reference, place, kept.get(place - 1), start) for place in places]


def _row(scored: _Scored, reference: int, place: int, kept: Influence | None, start: str) -> CandidateRow:
    own, other, one = scored.of(place), scored.of(reference), scored.listed[place - 1]
    terms = {} if kept is None else results.row(kept, scored.run, start)
    return CandidateRow.model_validate(
        {
            "place": place,
            "sequence_id": place - 1,
            "id": one.id,
            "text": one.text,
            "rank": terms.get("rank"),
            "influence": own,
            "nats_per_copy": units.nats_per_copy(own, scored.run.training_sequences),
            "difference": own - other,
            "ratio": own / other if other else None,
            "token_influences": terms.get("token_influences", []),
            "layer_influences": terms.get("layer_influences", []),
            "tokens": terms.get("tokens", []),
        }
    )
