"""Reading a run's answer: its ranked sequences, one of them in full, and what made the numbers."""

from collections.abc import Sequence as Many
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer
from sqlalchemy.sql.base import ExecutableOption

from app.models import Influence, Model, Query, Run
from app.services import annotations, tail, units, views
from app.services.coverage import coverage
from app.services.errors import Conflict, NotFound
from app.services.listing import Kept, Listed, concentration, listing
from app.services.provenance import corpus_sequences, provenance
from app.services.record import record
from app.services.shapes import (
    Distribution,
    Histogram,
    InfluenceDetail,
    InfluencePage,
    InfluenceRow,
    LayerProfile,
    ListChoice,
    PlacedRow,
    Repeat,
    RunDetail,
    Sign,
    TailAlternative,
    TailFit,
)

EVERY = ListChoice()
__all__ = [
    "EVERY",
    "done_run",
    "influence",
    "influences",
    "layer_profile",
    "placed",
    "record",
    "row",
    "rows",
    "run",
    "start_token",
]


def influences(
    session: Session, run_id: str, sign: Sign, offset: int = 0, limit: int = 50, choice: ListChoice = EVERY
) -> InfluencePage:
    """The kept sequences of one sign, or those chosen of them, heaviest first unless another order is chosen.

    Conflict when the run is not done.
    """
    found = done_run(session, run_id)
    query = session.get_one(Query, found.query_id)
    chosen = listing(session, run_id, sign, choice)
    return InfluencePage.model_validate(
        {
            "run": run_id,
            "scope": query.scope,
            "sign": sign,
            "offset": offset,
            "limit": limit,
            "choice": choice,
            "kept": chosen.kept,
            "total": len(chosen.listed),
            "folded": chosen.folded,
            "kinds": chosen.kinds,
            "training_sequences": found.training_sequences,
            "unit": units.unit(found.training_sequences).key,
            "sequences_scanned": found.sequences_scanned or 0,
            "corpus_sequences": corpus_sequences(session, query, found),
            "layers": found.layers,
            "rows": _listed_rows(session, found, sign, chosen.listed[offset : offset + limit]),
        }
    )


def _listed_rows(session: Session, run: Run, sign: Sign, listed: list[Listed]) -> list[InfluenceRow]:
    """The rows of listed sequences, in their order, each with what is folded under it."""
    ranks = [one.row.rank for one in listed]
    found = {row.rank: row for row in _of_ranks(session, run, sign, ranks)}
    return [
        found[one.row.rank].model_copy(update={"repeats": [_repeat(other, run) for other in one.repeats]})
        for one in listed
    ]


def _repeat(kept: Kept, run: Run) -> Repeat:
    return Repeat(
        rank=kept.rank,
        sequence_id=kept.sequence_id,
        document=kept.document,
        influence=kept.influence,
        nats_per_copy=units.nats_per_copy(kept.influence, run.training_sequences),
    )


def rows(session: Session, run: Run, sign: Sign, offset: int, limit: int) -> list[InfluenceRow]:
    """The rows of ranks offset+1 to offset+limit."""
    return _of_ranks(session, run, sign, range(offset + 1, offset + limit + 1))


def _of_ranks(session: Session, run: Run, sign: Sign, ranks: Many[int]) -> list[InfluenceRow]:
    """The rows of some ranks, by rank."""
    if not ranks:
        return []
    chosen = (
        select(Influence)
        .where(Influence.run_id == run.id, Influence.sign == sign, Influence.rank.in_(ranks))
        .order_by(Influence.rank)
    )
    bos, heaviest = start_token(session, run), units.heaviest(session, run, sign)
    noted = annotations.of_run_sequences(session, run.id)
    return [
        InfluenceRow.model_validate(
            {
                **row(kept, run, bos),
                "relative": units.relative(kept.influence, heaviest),
                "annotation": noted.get(kept.sequence_id),
            }
        )
        for kept in session.scalars(chosen)
    ]


def influence(session: Session, run_id: str, sequence_id: int) -> InfluenceDetail:
    """One kept sequence with its layer x token matrix, and its neighbours in the ranking of its sign."""
    run = done_run(session, run_id)
    kept = _kept(session, run_id, sequence_id, undefer(Influence.matrix))
    return InfluenceDetail.model_validate(
        {
            **_described(session, run, kept),
            "training_sequences": run.training_sequences,
            "unit": units.unit(run.training_sequences).key,
            "run": run_id,
            "sign": kept.sign,
            "source": kept.source,
            "token_ids": kept.token_ids.tolist(),
            "layers": run.layers,
            "matrix": kept.matrix.tolist(),
            "previous_sequence_id": _at_rank(session, kept, kept.rank - 1),
            "next_sequence_id": _at_rank(session, kept, kept.rank + 1),
            "duplicate_sequence_id": _at_rank(session, kept, kept.duplicate_of),
        }
    )


def placed(session: Session, run_id: str, sequence_id: int) -> PlacedRow:
    """One kept sequence with what it holds of documents, and without its matrix."""
    run = done_run(session, run_id)
    return PlacedRow.model_validate(_described(session, run, _kept(session, run_id, sequence_id)))


def _kept(session: Session, run_id: str, sequence_id: int, *options: ExecutableOption) -> Influence:
    chosen = select(Influence).where(Influence.run_id == run_id, Influence.sequence_id == sequence_id)
    kept = session.scalar(chosen.options(*options))
    if kept is None:
        raise NotFound(
            f"The run {run_id!r} keeps no sequence {sequence_id}.",
            "Only the heaviest sequences of each sign are kept; ask again with a larger `keep`.",
        )
    return kept


def _described(session: Session, run: Run, kept: Influence) -> dict[str, object]:
    """The fields of a `PlacedRow`."""
    return {
        **row(kept, run, start_token(session, run)),
        "relative": units.relative(kept.influence, units.heaviest(session, run, cast(Sign, kept.sign))),
        "annotation": annotations.of_run_sequences(session, run.id).get(kept.sequence_id),
        "documents": kept.documents or [],
    }


def _at_rank(session: Session, kept: Influence, rank: int | None) -> int | None:
    """The sequence at a rank of the same list."""
    return session.scalar(
        select(Influence.sequence_id).where(
            Influence.run_id == kept.run_id, Influence.sign == kept.sign, Influence.rank == rank
        )
    )


def row(kept: Influence, run: Run, bos: str) -> dict[str, object]:
    """The fields of a ranked row, but for `relative`, which its list decides.

    The pieces of `tokens` put together (without a BOS) are `text`.
    """
    text = kept.text
    tokens = [text[start:stop] for start, stop in kept.offsets.tolist()]
    if bos and tokens and not tokens[0]:
        tokens[0] = bos
    return {
        "rank": kept.rank,
        "sequence_id": kept.sequence_id,
        "document": kept.document,
        "others": max(len(kept.documents or ()) - 1, 0),
        "kind": kept.kind,
        "influence": kept.influence,
        "nats_per_copy": units.nats_per_copy(kept.influence, run.training_sequences),
        "token_influences": kept.token.tolist(),
        "layer_influences": kept.layer.tolist(),
        "text": text,
        "tokens": tokens,
        "flags": kept.flags,
        "duplicate_of": kept.duplicate_of,
        "overlap": kept.overlap,
        "concentration": concentration(kept.token),
    }


def start_token(session: Session, run: Run) -> str:
    """The text of the beginning-of-sequence token that stands before each sequence; empty where none does."""
    if not run.beginning_of_sequence:
        return ""
    return session.scalar(select(Model.begins_with_text).where(Model.name == run.model)) or ""


def find_run(session: Session, run_id: str) -> Run:
    """The run's row, or NotFound."""
    found = session.get(Run, run_id)
    if found is None:
        raise NotFound(f"There is no run {run_id!r}.", "Look at the query for its runs.")
    return found


def done_run(session: Session, run_id: str) -> Run:
    """The row of a run that is done; Conflict while it is not."""
    found = find_run(session, run_id)
    if found.state != "done":
        remedy = "Try it again." if found.state in ("failed", "cancelled") else "Wait until it is done."
        raise Conflict(f"The run {run_id!r} is {found.state} and has no results.", remedy)
    return found


def run(session: Session, run_id: str) -> RunDetail:
    """A run with its distribution, its layer profile, and its provenance."""
    found = find_run(session, run_id)
    query = session.get_one(Query, found.query_id)
    return RunDetail.model_validate(
        {
            **views.run_fields(session, found),
            "query": found.query_id,
            "unit": units.unit(found.training_sequences).key,
            "distribution": _distribution(found),
            "layer_profile": layer_profile(found),
            "coverage": coverage(session, found, query),
            "provenance": provenance(session, query, found),
        }
    )


def _distribution(run: Run) -> Distribution | None:
    if run.summary is None:
        return None
    unit, kept = units.unit(run.training_sequences), run.summary
    edges = [unit.of(edge) for edge in kept["histogram"]["edges"]]
    histogram = Histogram(edges=edges, counts=kept["histogram"]["counts"])
    return Distribution(
        sequences=kept["sequences"],
        mean=unit.of(kept["mean"]),
        standard_deviation=unit.of(kept["standard_deviation"]),
        quantiles={name: unit.of(value) for name, value in kept["quantiles"].items()},
        top_percent_share_positive=kept["top_percent_share_positive"],
        top_percent_share_negative=kept["top_percent_share_negative"],
        histogram=histogram,
        tail_positive=_tail(histogram, "positive"),
        tail_negative=_tail(histogram, "negative"),
    )


def _tail(histogram: Histogram, sign: Sign) -> TailFit | None:
    found = tail.of_histogram(histogram, sign)
    if found is None:
        return None
    alternatives = [TailAlternative(**vars(one), verdict=one.verdict) for one in found.alternatives]
    fit = {**vars(found), "alternatives": alternatives}
    return TailFit(**fit, verdict=found.verdict, samples=tail.RESAMPLES)


def layer_profile(run: Run) -> LayerProfile | None:
    """The run's influence by layer, summed over the kept sequences, in its unit."""
    if run.layer_profile is None:
        return None
    unit = units.unit(run.training_sequences)
    return LayerProfile(
        layers=run.layers,
        positive=[unit.of(value) for value in run.layer_profile["positive"]],
        negative=[unit.of(value) for value in run.layer_profile["negative"]],
    )
