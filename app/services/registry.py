"""Putting models and corpora on the list, saying what a model was trained on, and fitting a model again."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.database import begin_write
from app.jobs.client import Jobs, JobsUnavailable
from app.models import Corpus, FactorSet, Model, Run, TokenizedCorpus
from app.services import units
from app.services.errors import Conflict, InvalidInput, NotFound
from app.services.model_files import adapter_folder, peek, resolved, written
from app.services.shapes import AdapterWeights

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_name(name: str) -> None:
    """Names become folders and parts of addresses, so they keep to letters, digits, dot, dash and underscore."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot be a name.",
            "Use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit.",
            "name",
        )


def announce_corpus(session: Session, name: str, source: Path) -> bool:
    """Put a file of JSON lines on the list; a worker reads it when it is first needed. False when it is there."""
    check_name(name)
    begin_write(session)
    found = session.get(Corpus, name)
    if found is not None:
        if found.path is None:
            found.source = str(source)
        session.commit()
        return False
    session.add(Corpus(name=name, source=str(source)))
    session.commit()
    return True


@dataclass(frozen=True)
class Weights:
    """Where a model's weights are read from; two models of the same are the same.

    gguf_file: the name of a file in the source; adapter: a folder of LoRA weights, which are merged into the
    model's, or are what is tracked.
    """

    source: str
    revision: str | None = None
    gguf_file: str | None = None
    adapter: str | None = None
    adapter_weights: AdapterWeights | None = None

    def checked(self) -> "Weights":
        """The same as it is stored, when its files are where it says. Raises InvalidInput when they are not."""
        resolved(self.source, self.gguf_file)
        if self.adapter is None:
            if self.adapter_weights is not None:
                problem = f"Adapter weights are to be {self.adapter_weights}, but no adapter is given."
                raise InvalidInput(problem, "Name its folder with --adapter.", "adapter")
            return Weights(written(self.source), self.revision, self.gguf_file)
        folder = adapter_folder(self.adapter)
        return Weights(written(self.source), self.revision, self.gguf_file, folder, self.adapter_weights or "merged")


def add_model(
    session: Session,
    jobs: Jobs,
    name: str,
    source: str,
    *,
    corpus: str | None = None,
    revision: str | None = None,
    gguf_file: str | None = None,
    adapter: str | None = None,
    adapter_weights: AdapterWeights | None = None,
    training_tokens: int | None = None,
    fact_recall: float | None = None,
) -> bool:
    """Register a model and let a worker prepare it; False when it is there already.

    `corpus` is what it was trained on: its factors are fitted on it at once, not with the first query.
    `training_tokens` is how many tokens it was trained on, where that is no corpus here.
    """
    check_name(name)
    weights = Weights(source, revision, gguf_file, adapter, adapter_weights).checked()
    _check_training_tokens(training_tokens)
    if corpus is not None and session.get(Corpus, corpus) is None:
        raise InvalidInput(f"There is no corpus named {corpus!r}.", "Add the corpus first.", "corpus")
    begin_write(session)
    found = session.get(Model, name)
    if found is not None:
        session.rollback()
        if Weights(**{field: getattr(found, field) for field in asdict(weights)}) != weights:
            raise Conflict(f"The name {name!r} belongs to a model from {_told(found)}.", "Take another name.")
        return False
    row = Model(name=name, corpus=corpus, training_tokens=training_tokens, fact_recall=fact_recall, attempt=1)
    for field, value in {**asdict(weights), **asdict(peek(weights.source, gguf_file))}.items():
        setattr(row, field, value)
    session.add(row)
    session.commit()
    _enqueue(jobs, row)
    return True


def _told(model: Model) -> str:
    """Where a model's weights come from, in one line."""
    parts = [model.source, model.gguf_file, model.revision and f"revision {model.revision}"]
    parts += [model.adapter and f"adapter {model.adapter} ({model.adapter_weights})"]
    return ", ".join(part for part in parts if part)


def _check_training_tokens(tokens: int | None) -> None:
    if tokens is not None and not 1 <= tokens < 2**63:
        raise InvalidInput(f"{tokens:,} is no number of training tokens.", "Give 1 or more.", "training_tokens")


def set_training_tokens(session: Session, name: str, tokens: int) -> int:
    """Say how many tokens a model was trained on; runs made from now on are shown per added copy.

    Runs that are done keep the N they were made with; those that had none take it now, since scores are stored raw.
    Returns how many did.
    """
    _check_training_tokens(tokens)
    begin_write(session)
    model = session.get(Model, name)
    if model is None:
        raise NotFound(f"There is no model named {name!r}.", "`influence model list` shows those there are.")
    model.training_tokens = tokens
    unknown = select(Run).where(Run.model == name, Run.state == "done", Run.training_sequences.is_(None))
    filled = [run for run in session.scalars(unknown) if _fill(session, model, run)]
    session.commit()
    return len(filled)


def _fill(session: Session, model: Model, run: Run) -> bool:
    """Give a run its N, if the corpus it was made over is still cut as it was then."""
    cut = session.scalar(select(TokenizedCorpus).where(TokenizedCorpus.fingerprint == run.corpus_fingerprint).limit(1))
    if cut is None:
        return False
    run.training_sequences = units.training_sequences(model, cut.corpus, cut.sequences, cut.tokens)
    run.version += 1
    return run.training_sequences is not None


def corpus_for(session: Session, name: str, corpus: str | None) -> str:
    """The corpus that a command about a model means: the one given, or what the model was trained on.

    Raises: NotFound for a model or corpus that is not on the list; InvalidInput where no corpus is meant.
    """
    model = session.get(Model, name)
    if model is None:
        raise NotFound(f"There is no model named {name!r}.", "`influence model list` shows those there are.")
    meant = corpus or model.corpus
    if meant is None:
        raise InvalidInput(
            f"The model {name!r} names no corpus it was trained on.",
            "Say which one is meant: give a corpus's name after the model's.",
            "corpus",
        )
    if session.get(Corpus, meant) is None:
        raise NotFound(f"There is no corpus named {meant!r}.", "`influence corpus list` shows those there are.")
    return meant


def refit(session: Session, jobs: Jobs, name: str) -> None:
    """Forget a model's factors and let a worker fit them again."""
    begin_write(session)
    row = session.get(Model, name)
    if row is None:
        raise NotFound(f"There is no model named {name!r}.", "`influence model list` shows those there are.")
    mine = (FactorSet.model == name) | (FactorSet.model_fingerprint == row.fingerprint)
    # Gradient indexes that stand on these factors go with them.
    session.execute(delete(FactorSet).where(mine))
    row.state, row.stage, row.done, row.total, row.problem, row.remedy = "waiting", "waiting", 0, 0, None, None
    row.attempt, row.preparer = row.attempt + 1, None
    session.commit()
    _enqueue(jobs, row)


def _enqueue(jobs: Jobs, row: Model) -> None:
    try:
        jobs.enqueue_preparation(row.name, row.attempt)
    except JobsUnavailable:
        # The row waits; a worker's sweep finds it.
        return
