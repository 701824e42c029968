"""Gradient indexes: wishing for one ahead of time, and how those there are stand."""

from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import begin_write
from app.jobs.client import Jobs, JobsUnavailable
from app.models import Corpus, Model, StoredIndex
from app.services import corpora, views
from app.services.errors import InvalidInput, NotFound
from app.services.identity import index_digest
from app.services.run_settings import RunSettings
from app.services.shapes import IndexView

_FIELDS = (
    "corpus",
    "state",
    "stage",
    "done",
    "total",
    "sequences",
    "bytes",
    "recall",
    "negative_recall",
    "fingerprint",
)

# Fewer lose too much of the top ten on the largest demo model (docs/decisions/0010).
CANDIDATES_A_KEPT = 4
LEAST_CANDIDATES = 50


def candidates_for(keep: int) -> int:
    """How many sequences of each sign are looked up and scored exactly, so that `keep` of them can be shown."""
    return max(CANDIDATES_A_KEPT * keep, LEAST_CANDIDATES)


def wish(session: Session, jobs: Jobs, model: str, corpus: str, *, again: bool = False) -> bool:
    """Let a worker make the index of a model over a corpus; False when it is there or on its way.

    One whose corpus has grown since is grown too: only the sequences that came are read.
    `again` makes it anew, and measures its recall on the queries that the gallery has by now.
    """
    _check(session, model, corpus)
    begin_write(session)
    row, new = find_or_add(session, model, corpus, RunSettings())
    behind = not new and corpora.behind(session, row, session.get_one(Model, model).tokenizer_fingerprint)
    if not new and row.state != "failed" and not (row.state == "ready" and (again or behind)):
        session.rollback()
        return False
    if behind and not again and row.state == "ready":
        _wait_again(row)
    elif not new:
        restart(row)
    session.commit()
    # Where the queue is away the row waits, and a worker's sweep finds it.
    with suppress(JobsUnavailable):
        jobs.enqueue_index(model, corpus, row.attempt)
    return True


def restart(row: StoredIndex) -> None:
    """Let the index be made anew, as another job. `path` stays, so that the maker removes what lies there."""
    _wait_again(row)
    row.factors, row.fingerprint, row.sequences, row.bytes = None, None, None, None
    row.recall, row.negative_recall = None, None


def _wait_again(row: StoredIndex) -> None:
    row.state, row.stage, row.done, row.total, row.problem, row.remedy = "waiting", "waiting", 0, 0, None, None
    row.attempt += 1


def _check(session: Session, model: str, corpus: str) -> None:
    row = session.get(Model, model)
    if row is None:
        raise NotFound(f"There is no model named {model!r}.", "`influence model list` shows those there are.")
    if row.state == "failed":
        raise InvalidInput(f"The model {model!r} cannot be used: {row.problem}", row.remedy or "", "model")
    if session.get(Corpus, corpus) is None:
        raise NotFound(f"There is no corpus named {corpus!r}.", "`influence corpus list` shows those there are.")


def find(session: Session, model: str, corpus: str, settings: RunSettings) -> StoredIndex | None:
    """The row of an index, whatever its state."""
    return session.scalar(
        select(StoredIndex).where(
            StoredIndex.model == model,
            StoredIndex.corpus == corpus,
            StoredIndex.config_digest == index_digest(settings),
        )
    )


def find_or_add(session: Session, model: str, corpus: str, settings: RunSettings) -> tuple[StoredIndex, bool]:
    """The row of an index, and whether it is new. The model's row is locked, so that two never add the same."""
    session.get_one(Model, model, with_for_update=True)
    found = find(session, model, corpus, settings)
    if found is not None:
        return found, False
    added = StoredIndex(model=model, corpus=corpus, config_digest=index_digest(settings), attempt=1)
    session.add(added)
    return added, True


def by_model(session: Session) -> dict[str, list[IndexView]]:
    """Every index, under its model's name."""
    found: dict[str, list[IndexView]] = {}
    for row in session.scalars(select(StoredIndex).order_by(StoredIndex.id)):
        found.setdefault(row.model, []).append(_view(row))
    return found


def _view(row: StoredIndex) -> IndexView:
    fields = {name: getattr(row, name) for name in _FIELDS}
    return IndexView.model_validate({**fields, "error": views.problem(row.problem, row.remedy)})
