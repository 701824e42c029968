"""Putting models and corpora on the list, and fitting a model again."""

import re
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.database import begin_write
from app.jobs.client import Jobs, JobsUnavailable
from app.models import Corpus, FactorSet, Model
from app.services.errors import Conflict, InvalidInput, NotFound
from app.services.model_files import peek

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


def add_model(
    session: Session,
    jobs: Jobs,
    name: str,
    source: str,
    *,
    corpus: str | None = None,
    revision: str | None = None,
    fact_recall: float | None = None,
) -> bool:
    """Register a model and let a worker prepare it; False when it is there already.

    `corpus` is what it was trained on: its factors are fitted on it at once, not with the first query.
    """
    check_name(name)
    if source.startswith((".", "/", "~")) and not Path(source).expanduser().is_dir():
        raise InvalidInput(f"There is no folder {source!r}.", "Give a model folder or a hub id.", "source")
    if corpus is not None and session.get(Corpus, corpus) is None:
        raise InvalidInput(f"There is no corpus named {corpus!r}.", "Add the corpus first.", "corpus")
    begin_write(session)
    found = session.get(Model, name)
    local = Path(source).expanduser()
    source = str(local.resolve()) if local.is_dir() else source
    if found is not None:
        session.rollback()
        if found.source != source:
            raise Conflict(f"The name {name!r} belongs to a model from {found.source}.", "Take another name.")
        return False
    row = Model(name=name, source=source, revision=revision, corpus=corpus, fact_recall=fact_recall, attempt=1)
    for field, value in asdict(peek(source)).items():
        setattr(row, field, value)
    session.add(row)
    session.commit()
    _enqueue(jobs, row)
    return True


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
