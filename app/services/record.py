"""Storing a run's answer: one transaction, so that nothing is ever half-written."""

from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.columns import now
from app.database import begin_write
from app.models import Check, Influence, Run
from app.services.shapes import Sign


@dataclass(frozen=True)
class KeptSequence:
    """A sequence of the final ranking with its exact terms, in nats per unit of epsilon."""

    sequence_id: int
    influence: float
    document: str
    kind: str | None
    source: str
    text: str
    token_ids: NDArray[np.int32]
    offsets: NDArray[np.int32]
    token: NDArray[np.float32]
    layer: NDArray[np.float32]
    matrix: NDArray[np.float32]
    flags: tuple[str, ...] = ()
    duplicate_of: int | None = None
    overlap: float | None = None
    documents: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Made:
    """What made a run's numbers: hashes, settings, sizes, versions, and the time each stage took."""

    training_sequences: int | None
    sequences_scanned: int
    beginning_of_sequence: bool
    model_fingerprint: str
    tokenizer_fingerprint: str
    corpus_fingerprint: str
    factors_fingerprint: str
    factors_config: dict[str, Any]
    versions: dict[str, str]
    device: str
    worker: str
    seconds: dict[str, float]


@dataclass(frozen=True)
class Answer:
    """All that is stored when a run is done. Each list is ranked, heaviest first.

    log_p: of the completion; log_p_against: of a contrast, what is taken from it, both in nats.

    `summary` is the distribution of the scores; None where those scored are no sample of the corpus.
    """

    run_id: str
    log_p: float
    log_p_against: float | None
    layers: tuple[str, ...]
    positive: Many[KeptSequence]
    negative: Many[KeptSequence]
    summary: dict[str, Any] | None
    made: Made


def record(session: Session, answer: Answer) -> bool:
    """Store the answer and mark the run done; False when the run was cancelled or is done already."""
    begin_write(session)
    run = session.get(Run, answer.run_id, populate_existing=True, with_for_update=True)
    if run is None or run.state not in ("queued", "running"):
        session.rollback()
        return False
    session.execute(delete(Influence).where(Influence.run_id == run.id))
    # Checks were of the answer that this one replaces.
    session.execute(delete(Check).where(Check.run_id == run.id))
    for sign, kept in _signs(answer):
        session.add_all(_row(run.id, sign, rank, one) for rank, one in enumerate(kept, start=1))
    _finish(run, answer)
    session.commit()
    return True


def _signs(answer: Answer) -> tuple[tuple[Sign, Many[KeptSequence]], ...]:
    return ("positive", answer.positive), ("negative", answer.negative)


def _row(run_id: str, sign: Sign, rank: int, kept: KeptSequence) -> Influence:
    return Influence(
        run_id=run_id,
        sign=sign,
        rank=rank,
        sequence_id=kept.sequence_id,
        influence=kept.influence,
        document=kept.document,
        kind=kept.kind,
        source=kept.source,
        text=kept.text,
        documents=list(kept.documents),
        flags=list(kept.flags),
        duplicate_of=kept.duplicate_of,
        overlap=kept.overlap,
        token_ids=kept.token_ids,
        offsets=kept.offsets,
        token=kept.token,
        layer=kept.layer,
        matrix=kept.matrix,
    )


def _finish(run: Run, answer: Answer) -> None:
    run.log_p, run.log_p_against = answer.log_p, answer.log_p_against
    run.layers, run.summary = list(answer.layers), answer.summary
    run.layer_profile = {sign: _profile(kept, len(answer.layers)) for sign, kept in _signs(answer)}
    for name, value in vars(answer.made).items():
        setattr(run, name, value)
    run.state, run.stage, run.finished_at = "done", "finished", now()
    run.done, run.total = answer.made.sequences_scanned, answer.made.sequences_scanned
    run.seconds_left, run.partial, run.version = None, [], run.version + 1


def _profile(kept: Many[KeptSequence], layers: int) -> list[float]:
    total = np.zeros(layers, dtype=np.float64)
    for one in kept:
        total += one.layer
    return [float(value) for value in total]
