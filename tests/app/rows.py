"""Rows made by hand, and answers with known numbers."""

from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.jobs.client import Jobs, NullJobs
from app.models import Corpus, Model
from app.services import queries
from app.services.record import Answer, KeptSequence, Made
from app.services.shapes import QueryForm
from tests.app.tiny import tokenizer

N = 40
LAYERS = ("block.0", "block.1", "block.2")
MADE = Made(
    training_sequences=N,
    sequences_scanned=N,
    beginning_of_sequence=True,
    model_fingerprint="m" * 8,
    tokenizer_fingerprint="t" * 8,
    corpus_fingerprint="c" * 8,
    factors_fingerprint="f" * 8,
    factors_config={"labels": "sampled"},
    versions={"python": "3"},
    device="cpu",
    worker="here",
    seconds={"scanning": 1.5},
)
SUMMARY: dict[str, Any] = {
    "sequences": N,
    "mean": 2.0,
    "standard_deviation": 4.0,
    "minimum": -8.0,
    "maximum": 16.0,
    "quantiles": {"0.5": 1.0},
    "top_percent_share_positive": 0.25,
    "top_percent_share_negative": None,
    "histogram": {"edges": [-8.0, 0.0, 16.0], "counts": [10, 30]},
}


def add_catalog(sessions: sessionmaker[Session], *, context: int = 96) -> None:
    """A corpus and two models that were read and are ready."""
    definition = tokenizer().backend_tokenizer.to_str()
    with writing(sessions) as session:
        session.add(Corpus(name="towns", source="towns.jsonl", state="ready", documents=N, kinds={"fact": N}))
        for name in ("small", "large"):
            session.add(
                Model(
                    name=name,
                    source=f"/models/{name}",
                    state="ready",
                    context_length=context,
                    tokenizer_json=definition,
                    begins_with=256,
                    begins_with_text="<s>",
                    non_embedding_parameters=1000,
                    layers=list(LAYERS),
                )
            )


def form(prompt: str = "The mill of town 7", completion: str = "opened", **changed: Any) -> QueryForm:
    """A form that is in order."""
    fields = {"prompt": prompt, "completion": completion, "models": ["small"], "corpus": "towns", "keep": 5}
    return QueryForm.model_validate({**fields, **changed})


def submit(sessions: sessionmaker[Session], chosen: QueryForm | None = None, jobs: Jobs | None = None) -> list[str]:
    """Submit a form; the ids of its models' runs."""
    wanted = chosen or form()
    with sessions() as session:
        asked = queries.submit(session, jobs or NullJobs(), wanted)
        return [run.id for run in queries.get(session, asked.id).runs if run.model in wanted.models]


def kept(sequence_id: int, influence: float, text: str = "The old mill", tokens: int = 3) -> KeptSequence:
    """A kept sequence whose terms add up to its influence."""
    generator = np.random.default_rng(sequence_id)
    matrix = generator.normal(size=(len(LAYERS), tokens))
    matrix += (influence - matrix.sum()) / matrix.size
    cuts = np.linspace(0, len(text), tokens + 1).astype(int)
    offsets = np.stack([cuts[:-1], cuts[1:]], axis=1)
    return KeptSequence(
        sequence_id=sequence_id,
        influence=influence,
        document=f"d{sequence_id}",
        kind="fact",
        source="made",
        text=text,
        token_ids=np.arange(tokens, dtype=np.int32),
        offsets=offsets.astype(np.int32),
        token=matrix.sum(0).astype(np.float32),
        layer=matrix.sum(1).astype(np.float32),
        matrix=matrix.astype(np.float32),
    )


def answer(run_id: str, positive: dict[int, float], negative: dict[int, float] | None = None) -> Answer:
    """An answer from sequence ids and influences, heaviest first."""
    return Answer(
        run_id=run_id,
        log_p=-1.25,
        log_p_against=None,
        layers=LAYERS,
        positive=[kept(i, value) for i, value in positive.items()],
        negative=[kept(i, value) for i, value in (negative or {}).items()],
        summary=SUMMARY,
        made=replace(MADE),
    )
