"""The first line of every answer: the heaviest positive sequence of a query's last answer, for lists of queries."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Influence, Query, Run
from app.services import units
from app.services.units import Unit


@dataclass(frozen=True)
class FirstLine:
    """The sequence at rank 1 of those that raise log p, under the run that a query's page shows first."""

    query: str
    run: str
    model: str
    sequence_id: int
    document: str
    influence: float
    unit: Unit
    tokens: tuple[str, ...]
    token_influences: tuple[float, ...]


def of_queries(session: Session, queries: Iterable[str]) -> dict[str, FirstLine]:
    """The first line of each query that some model has answered, by the query's id."""
    done = (
        select(Run.id, Run.query_id, Run.model, Run.training_sequences)
        .join(Query, Query.id == Run.query_id)
        .where(Run.query_id.in_(list(queries)), Run.state == "done")
        .order_by(Run.created_at, Run.id)
    )
    # The last of a query's finished runs is the one that its page shows.
    last = {row.query_id: row for row in session.execute(done)}
    heaviest = select(Influence).where(
        Influence.run_id.in_([row.id for row in last.values()]), Influence.sign == "positive", Influence.rank == 1
    )
    kept = {one.run_id: one for one in session.scalars(heaviest)}
    return {
        query: _line(query, row.model, row.training_sequences, kept[row.id])
        for query, row in last.items()
        if row.id in kept
    }


def _line(query: str, model: str, training_sequences: int | None, kept: Influence) -> FirstLine:
    return FirstLine(
        query=query,
        run=kept.run_id,
        model=model,
        sequence_id=kept.sequence_id,
        document=kept.document,
        influence=kept.influence,
        unit=units.unit(training_sequences),
        tokens=tuple(kept.text[start:stop] for start, stop in kept.offsets.tolist()),
        token_influences=tuple(kept.token.tolist()),
    )
