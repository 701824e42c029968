"""Reading a run's answer: its ranked sequences, one of them in full, and what made the numbers."""

import shlex
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from app.models import FactorSet, Influence, Model, Query, Run, Scan
from app.services import corpora, units, views, weights
from app.services.coverage import coverage
from app.services.errors import Conflict, NotFound
from app.services.record import record
from app.services.run_settings import RunSettings
from app.services.shapes import (
    Distribution,
    Histogram,
    InfluenceDetail,
    InfluencePage,
    InfluenceRow,
    LayerProfile,
    Provenance,
    RunDetail,
    Sign,
)

__all__ = ["done_run", "influence", "influences", "layer_profile", "record", "row", "rows", "run", "start_token"]


def influences(session: Session, run_id: str, sign: Sign, offset: int = 0, limit: int = 50) -> InfluencePage:
    """The kept sequences of one sign, heaviest first. Conflict when the run is not done."""
    found = done_run(session, run_id)
    query = session.get_one(Query, found.query_id)
    total = session.scalar(
        select(func.count()).where(Influence.run_id == run_id, Influence.sign == sign).select_from(Influence)
    )
    return InfluencePage.model_validate(
        {
            "run": run_id,
            "scope": query.scope,
            "sign": sign,
            "offset": offset,
            "limit": limit,
            "total": total or 0,
            "training_sequences": found.training_sequences,
            "unit": units.unit(found.training_sequences).key,
            "sequences_scanned": found.sequences_scanned or 0,
            "corpus_sequences": _corpus_sequences(session, query, found),
            "layers": found.layers,
            "rows": rows(session, found, sign, offset, limit),
        }
    )


def rows(session: Session, run: Run, sign: Sign, offset: int, limit: int) -> list[InfluenceRow]:
    """The rows of ranks offset+1 to offset+limit."""
    chosen = (
        select(Influence)
        .where(Influence.run_id == run.id, Influence.sign == sign)
        .order_by(Influence.rank)
        .offset(offset)
        .limit(limit)
    )
    bos, heaviest = start_token(session, run), units.heaviest(session, run, sign)
    return [
        InfluenceRow.model_validate({**row(kept, run, bos), "relative": units.relative(kept.influence, heaviest)})
        for kept in session.scalars(chosen)
    ]


def influence(session: Session, run_id: str, sequence_id: int) -> InfluenceDetail:
    """One kept sequence with its layer x token matrix, and its neighbours in the ranking of its sign."""
    run = done_run(session, run_id)
    kept = session.scalar(
        select(Influence)
        .where(Influence.run_id == run_id, Influence.sequence_id == sequence_id)
        .options(undefer(Influence.matrix))
    )
    if kept is None:
        raise NotFound(
            f"The run {run_id!r} keeps no sequence {sequence_id}.",
            "Only the heaviest sequences of each sign are kept; ask again with a larger `keep`.",
        )
    return InfluenceDetail.model_validate(
        {
            **row(kept, run, start_token(session, run)),
            "relative": units.relative(kept.influence, units.heaviest(session, run, cast(Sign, kept.sign))),
            "training_sequences": run.training_sequences,
            "unit": units.unit(run.training_sequences).key,
            "run": run_id,
            "sign": kept.sign,
            "source": kept.source,
            "documents": kept.documents or [],
            "token_ids": kept.token_ids.tolist(),
            "layers": run.layers,
            "matrix": kept.matrix.tolist(),
            "previous_sequence_id": _at_rank(session, kept, kept.rank - 1),
            "next_sequence_id": _at_rank(session, kept, kept.rank + 1),
            "duplicate_sequence_id": _at_rank(session, kept, kept.duplicate_of),
        }
    )


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
    tokens = [kept.text[start:stop] for start, stop in kept.offsets.tolist()]
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
        "text": kept.text,
        "tokens": tokens,
        "flags": kept.flags,
        "duplicate_of": kept.duplicate_of,
        "overlap": kept.overlap,
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
            "provenance": _provenance(session, query, found),
        }
    )


def _distribution(run: Run) -> Distribution | None:
    if run.summary is None:
        return None
    unit, kept = units.unit(run.training_sequences), run.summary
    return Distribution(
        sequences=kept["sequences"],
        mean=unit.of(kept["mean"]),
        standard_deviation=unit.of(kept["standard_deviation"]),
        quantiles={name: unit.of(value) for name, value in kept["quantiles"].items()},
        top_percent_share_positive=kept["top_percent_share_positive"],
        top_percent_share_negative=kept["top_percent_share_negative"],
        histogram=Histogram(
            edges=[unit.of(edge) for edge in kept["histogram"]["edges"]], counts=kept["histogram"]["counts"]
        ),
    )


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


def _corpus_sequences(session: Session, query: Query, run: Run) -> int | None:
    """How many sequences the corpus had: as the scan notes, or N of a model that was trained on it."""
    scan = None if run.scan_id is None else session.get(Scan, run.scan_id)
    if scan is not None and scan.corpus_sequences is not None:
        return scan.corpus_sequences
    trained_on = session.scalar(select(Model.corpus).where(Model.name == run.model))
    return run.training_sequences if trained_on == query.corpus else None


def _factors_sequences(session: Session, run: Run) -> int | None:
    same = select(FactorSet.sequences).where(FactorSet.fingerprint == run.factors_fingerprint)
    return session.scalar(same.order_by(FactorSet.id.desc()).limit(1))


def _provenance(session: Session, query: Query, run: Run) -> Provenance:
    settings, model = RunSettings.model_validate(run.settings), session.get_one(Model, run.model)
    same = ("worker", "device", "created_at", "started_at", "finished_at", "factors_fingerprint")
    return Provenance.model_validate(
        {
            **{name: getattr(run, name) for name in same},
            "run": run.id,
            "query": query.id,
            "model": run.model,
            "model_fingerprint": run.model_fingerprint or "",
            "tokenizer_fingerprint": run.tokenizer_fingerprint or "",
            "corpus": query.corpus,
            "corpus_fingerprint": run.corpus_fingerprint or "",
            "corpus_grown": corpora.grown(session, query, run),
            "factors_config": run.factors_config or {},
            "factors_sequences": _factors_sequences(session, run),
            "adapter": model.adapter,
            "adapter_weights": model.adapter_weights,
            "weights": weights.over(model, settings.track),
            "damping": settings.damping,
            "rank": settings.rank,
            "labels": settings.labels,
            "training_sequences": run.training_sequences,
            "scope": query.scope,
            "sequences_scanned": run.sequences_scanned or 0,
            "corpus_sequences": _corpus_sequences(session, query, run),
            "selection": run.selection,
            "beginning_of_sequence": bool(run.beginning_of_sequence),
            "versions": run.versions or {},
            "seconds": run.seconds or {},
            "command": command(query, run),
        }
    )


def _asked_with(query: Query) -> list[str]:
    """The options that say what is measured."""
    told = [message["content"] for message in query.chat or () if message["role"] == "system"]
    words = [] if query.chat is None else ["--chat", *(word for text in told for word in ("--system", text))]
    if query.writer is None:
        words += ["--completion", query.completion]
    else:
        words += ["--completion-from", query.writer]
        for name, value in (query.writing or {}).items():
            words += [f"--{name.replace('_', '-')}", f"{value:g}"]
    words += [] if query.against is None else ["--against", query.against]
    return words + [word for start, stop in query.counted or () for word in ("--counted", f"{start}-{stop}")]


def command(query: Query, run: Run) -> str:
    """The command that computes the run's numbers again."""
    words = ["influence", "query", "--model", run.model, "--corpus", query.corpus, "--prompt", query.prompt]
    words += _asked_with(query)
    words += ["--keep", str(query.keep)] if query.candidates is None else ["--candidates", query.candidates]
    words += [] if query.scope in ("everything", "candidates") else ["--scope", query.scope]
    return shlex.join(words)
