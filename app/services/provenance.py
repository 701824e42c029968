"""What made a run's numbers: hashes, settings, sizes, times, and the command that computes them again."""

import shlex

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import FactorSet, Model, Query, Run, Scan
from app.services import freshness, weights
from app.services.run_settings import RunSettings
from app.services.shapes import Provenance, RunChoices


def corpus_sequences(session: Session, query: Query, run: Run) -> int | None:
    """How many sequences the corpus had: as the scan notes, or N of a model that was trained on it."""
    scan = None if run.scan_id is None else session.get(Scan, run.scan_id)
    if scan is not None and scan.corpus_sequences is not None:
        return scan.corpus_sequences
    trained_on = session.scalar(select(Model.corpus).where(Model.name == run.model))
    return run.training_sequences if trained_on == query.corpus else None


def _factors_sequences(session: Session, run: Run) -> int | None:
    same = select(FactorSet.sequences).where(FactorSet.fingerprint == run.factors_fingerprint)
    return session.scalar(same.order_by(FactorSet.id.desc()).limit(1))


def provenance(session: Session, query: Query, run: Run) -> Provenance:
    """Everything that made a run, and whether it is still what it would be made of."""
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
            "corpus_grown": freshness.corpus_grown(session, query, run),
            "factors_refitted": freshness.factors_refitted(session, query, run),
            "factors_config": run.factors_config or {},
            "factors_sequences": _factors_sequences(session, run),
            "adapter": model.adapter,
            "adapter_weights": model.adapter_weights,
            "weights": weights.over(model, settings.track),
            "damping": settings.damping,
            "rank": settings.rank,
            "precision": settings.precision,
            "labels": settings.labels,
            "training_sequences": run.training_sequences,
            "scope": query.scope,
            "sequences_scanned": run.sequences_scanned or 0,
            "corpus_sequences": corpus_sequences(session, query, run),
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


def _computed_with(choices: RunChoices) -> list[str]:
    """The options that say how it is computed, where that is not as usual."""
    told = {name: value for name, value in choices if value != getattr(RunChoices(), name)}
    return [word for name, value in told.items() for word in (f"--{name}", f"{value}")]


def command(query: Query, run: Run) -> str:
    """The command that computes the run's numbers again."""
    words = ["influence", "query", "--model", run.model, "--corpus", query.corpus, "--prompt", query.prompt]
    words += _asked_with(query)
    words += ["--keep", str(query.keep)] if query.candidates is None else ["--candidates", query.candidates]
    words += [] if query.scope in ("everything", "candidates") else ["--scope", query.scope]
    words += _computed_with(RunSettings.model_validate(run.settings).choices)
    return shlex.join(words)
