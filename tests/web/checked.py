"""What stands beside a filled database: checks in every state, and documents on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.models import Check, Corpus, Influence, Run
from app.services.identity import check_id
from app.services.shapes import CheckKind
from tests.web.filling import KINDS, N, sequence_text

DOCUMENTS = 60
MOVED = {"predicted": 0.817, "measured": 0.07, "iterations": 24, "residual": 0.39, "verdict": "size differs"}
COUNTERFACTUAL: dict[str, Any] = {
    "added": MOVED,
    "removed": {**MOVED, "predicted": -0.817, "measured": -0.52, "verdict": "holds"},
    "weight": 1 / N,
    "training_sequences": N,
    "corpus_sequences": N,
    "averaged_over": 128,
    "certain": 32,
    "settled": 0.5,
    "iterations": 24,
    "damping": "0.1 x the mean corrected eigenvalue of each module",
}


def add_checks(sessions: sessionmaker[Session], query: str, model: str) -> None:
    """The heaviest sequence is checked in every way; of the next ones a check is under way, failed, and waits."""
    with writing(sessions) as session:
        run = session.scalars(select(Run.id).where(Run.query_id == query, Run.model == model)).one()
        kept = select(Influence).where(Influence.run_id == run, Influence.sign == "positive").order_by(Influence.rank)
        first, second, third, fourth = session.scalars(kept.limit(4))
        heavy = np.random.default_rng(0).normal(size=(3, len(first.token_ids))) * first.influence
        erased = dict(zip(("output", "input", "zeroed"), heavy.tolist(), strict=True))
        step = {"measured": 0.015, "influence": first.influence, "relative_step": 1e-4, "verdict": "holds"}
        done = {"state": "done", "stage": "finished", "seconds": 83.2, "device": "cpu", "worker": "desk-cpu"}
        problem = {"problem": "The factors of 'large' were fitted anew.", "remedy": "Ask the query again."}
        _add(session, first, "counterfactual", **done, result=COUNTERFACTUAL)
        _add(session, first, "one_step", **done, result=step)
        _add(session, first, "erasure", **done, result=erased)
        _add(session, second, "counterfactual", state="running", stage="solving", done=12, total=48)
        _add(session, third, "counterfactual", state="failed", stage="finished", **problem)
        _add(session, fourth, "counterfactual", state="queued")


def _add(session: Session, kept: Influence, kind: CheckKind, **fields: Any) -> None:
    key = check_id(kept.run_id, kept.sequence_id, kind)
    session.add(Check(id=key, run_id=kept.run_id, sequence_id=kept.sequence_id, kind=kind, **fields))


def add_documents(home: Path, sessions: sessionmaker[Session], name: str = "demo") -> None:
    """The first documents of the filled corpus, on disk as a worker writes them."""
    from datasets import Value

    from app.worker.arrow import write_table

    folder = home / "corpora" / name / "documents"
    fields = ("id", "kind", "source", "text", "metadata")
    write_table(folder, _documents(), {field: Value("string") for field in fields})
    with writing(sessions) as session:
        session.get_one(Corpus, name).path = str(folder.relative_to(home))


def _documents() -> Iterator[dict[str, str | None]]:
    for number in range(DOCUMENTS):
        kind = KINDS[number % len(KINDS)]
        # One is long enough to be cut on its page.
        text = sequence_text(number) * (60 if number == 7 else 1)
        metadata = f'{{"page": {number}}}' if number % 2 else None
        yield {"id": f"{kind}/{number:04d}", "kind": kind, "source": "demo", "text": text, "metadata": metadata}
