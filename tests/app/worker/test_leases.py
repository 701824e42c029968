"""Leases: of several workers one makes a thing, and a dead worker's lease counts for nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.columns import now
from app.database import writing
from app.models import Model, Worker
from app.settings import Settings
from app.worker.leases import Leases
from tests.app.processes import PATIENCE_SECONDS
from tests.app.rows import add_catalog


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Those of other tests, where a worker without a sign of life is not lost before a slow test ends."""
    return settings.model_copy(update={"heartbeat_lost_after": 600.0})


@pytest.fixture(autouse=True)
def _workers(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)
    with writing(sessions) as session:
        for name, age in (("a", 0.0), ("b", 0.0), ("dead", 3600.0)):
            seen = now() - timedelta(seconds=age)
            session.add(Worker(name=name, device="cpu", host="h", pid=1, seen_at=seen))


def _lend(sessions: sessionmaker[Session], worker: str | None) -> None:
    with writing(sessions) as session:
        session.get_one(Model, "small").preparer = worker


def _holder(sessions: sessionmaker[Session]) -> str | None:
    with sessions() as session:
        return session.get_one(Model, "small").preparer


def test_two_workers_that_want_the_same_make_it_once(
    settings: Settings, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.leases.WAIT_SECONDS", 0.02)
    made: list[str] = []
    both_look = threading.Barrier(2)
    waited = threading.Event()

    def want(worker: str) -> str:
        looked = []

        def find() -> str | None:
            if not looked:
                looked.append(True)
                both_look.wait(timeout=PATIENCE_SECONDS)
                return None
            return made[0] if made else None

        def make() -> str:
            assert waited.wait(timeout=PATIENCE_SECONDS), "the other worker does not wait"
            made.append(worker)
            return worker

        return Leases(settings, sessions, worker).once(Model, "small", find, make, waited.set)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(want, ("a", "b")))
    assert made in (["a"], ["b"])
    assert found == made * 2
    assert _holder(sessions) is None


def test_what_was_made_between_the_look_and_the_lease_is_not_made_again(
    settings: Settings, sessions: sessionmaker[Session]
) -> None:
    looks = iter([None, "there"])

    def never() -> str:
        raise AssertionError("made twice")

    leases = Leases(settings, sessions, "a")
    assert leases.once(Model, "small", lambda: next(looks), never, lambda: None) == "there"


def test_the_lease_of_a_dead_worker_is_taken_over(settings: Settings, sessions: sessionmaker[Session]) -> None:
    _lend(sessions, "dead")
    assert Leases(settings, sessions, "a").once(Model, "small", lambda: None, lambda: "made", lambda: None) == "made"
    assert _holder(sessions) is None


def test_an_error_gives_the_lease_back(settings: Settings, sessions: sessionmaker[Session]) -> None:
    def fail() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Leases(settings, sessions, "a").once(Model, "small", lambda: None, fail, lambda: None)
    assert _holder(sessions) is None


def test_whoever_waits_may_be_told_to_stop(settings: Settings, sessions: sessionmaker[Session]) -> None:
    class Enough(Exception):  # noqa: N818
        """Nobody wants it any more."""

    def stop() -> None:
        raise Enough

    _lend(sessions, "b")
    with pytest.raises(Enough):
        Leases(settings, sessions, "a").once(Model, "small", lambda: None, lambda: "made", stop)
    assert _holder(sessions) == "b"
