"""Wishing for a gradient index, and how those there are stand."""

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.jobs.client import JobsUnavailable, NullJobs
from app.models import Model, StoredIndex
from app.services import catalog, indexes, registry
from app.services.errors import InvalidInput, NotFound
from app.services.identity import index_digest
from app.services.run_settings import RunSettings
from tests.app.rows import add_catalog

RECALL = {"queries": 3, "k": 10, "first": 50, "mean": 0.9, "least": 0.8}


@pytest.fixture(autouse=True)
def _catalog(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)


def _wish(sessions: sessionmaker[Session], jobs: NullJobs, *, again: bool = False) -> bool:
    with sessions() as session:
        return indexes.wish(session, jobs, "small", "towns", again=again)


def _set(sessions: sessionmaker[Session], **changed: object) -> None:
    with writing(sessions) as session:
        row = indexes.find(session, "small", "towns", RunSettings())
        for name, value in changed.items():
            setattr(row, name, value)


def test_a_wish_is_a_row_and_a_job_once(sessions: sessionmaker[Session]) -> None:
    jobs = NullJobs()
    assert _wish(sessions, jobs)
    assert not _wish(sessions, jobs)
    assert not _wish(sessions, jobs, again=True)
    assert jobs.asked == [("index", "small towns", 1)]
    with sessions() as session:
        [small, large] = catalog.models(session)
    assert [(one.corpus, one.state, one.recall) for one in small.indexes] == [("towns", "waiting", None)]
    assert large.indexes == []


def test_an_index_that_is_there_is_made_again_only_when_told(sessions: sessionmaker[Session]) -> None:
    jobs = NullJobs()
    _wish(sessions, jobs)
    _set(sessions, state="ready", path="x", sequences=40, bytes=4000, recall=RECALL, fingerprint="f")
    assert not _wish(sessions, jobs)
    with sessions() as session:
        [view] = catalog.model(session, "small").indexes
    assert (view.bytes, view.sequences) == (4000, 40)
    assert view.recall is not None
    assert view.recall.model_dump() == RECALL
    assert _wish(sessions, jobs, again=True)
    assert jobs.asked[-1] == ("index", "small towns", 2)
    with sessions() as session:
        [view] = catalog.model(session, "small").indexes
    assert (view.state, view.recall, view.bytes) == ("waiting", None, None)


def test_one_that_failed_may_be_wished_for_again(sessions: sessionmaker[Session]) -> None:
    jobs = NullJobs()
    _wish(sessions, jobs)
    _set(sessions, state="failed", problem="It broke.", remedy="Mend it.")
    with sessions() as session:
        [view] = catalog.model(session, "small").indexes
    assert view.error is not None
    assert view.error.problem == "It broke."
    assert _wish(sessions, jobs)
    assert jobs.asked[-1] == ("index", "small towns", 2)


def test_what_cannot_be_indexed_is_refused_with_a_remedy(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        with pytest.raises(NotFound, match="no model named 'nobody'"):
            indexes.wish(session, NullJobs(), "nobody", "towns")
        with pytest.raises(NotFound, match="no corpus named 'nowhere'"):
            indexes.wish(session, NullJobs(), "small", "nowhere")
    with writing(sessions) as session:
        row = session.get_one(Model, "small")
        row.state, row.problem, row.remedy = "failed", "It is gone.", "Put it back."
    with sessions() as session, pytest.raises(InvalidInput, match="It is gone"):
        indexes.wish(session, NullJobs(), "small", "towns")


def test_a_queue_that_is_away_does_not_lose_the_wish(sessions: sessionmaker[Session]) -> None:
    class Away(NullJobs):
        def enqueue_index(self, model: str, corpus: str, attempt: int = 1) -> None:  # noqa: ARG002
            raise JobsUnavailable("away")

    assert _wish(sessions, Away())
    with sessions() as session:
        assert indexes.find(session, "small", "towns", RunSettings()) is not None


def test_fitting_a_model_anew_takes_its_indexes_with_the_factors_and_keeps_the_wishes(
    sessions: sessionmaker[Session],
) -> None:
    from app.models import FactorSet, TokenizedCorpus

    with writing(sessions) as session:
        cut = TokenizedCorpus(
            corpus="towns", tokenizer_fingerprint="t", length=9, path="x", sequences=4, tokens=9, fingerprint="f"
        )
        session.add(cut)
        session.flush()
        fitted = FactorSet(
            model="small", model_fingerprint="m", tokenized=cut.id, config={}, config_digest="d", path="y",
            fingerprint="f",
        )  # fmt: skip
        session.add(fitted)
        session.flush()
        session.add(
            StoredIndex(model="small", corpus="towns", config_digest="old", state="ready", factors=fitted.id, path="z")
        )
        session.add(StoredIndex(model="small", corpus="towns", config_digest=index_digest(RunSettings())))
    with sessions() as session:
        registry.refit(session, NullJobs(), "small")
        assert [one.state for one in catalog.model(session, "small").indexes] == ["waiting"]
