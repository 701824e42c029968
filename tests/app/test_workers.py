"""Real worker processes: killed in the middle, several at once, cancelled, and told to stop."""

import signal
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate, session_factory
from app.jobs.client import JobsClient
from app.models import Run, Scan, ScanShard, StoredIndex
from app.services import catalog, queries
from app.settings import Settings
from tests.app.processes import PATIENCE_SECONDS, kill, started, wait_for
from tests.app.worker.world import World
from tests.conftest import quick_settings

DOCUMENTS = 48
SHARD = 2


Deploy = Callable[[Settings], World]


@pytest.fixture
def deploy(open_sessions: Callable[[Settings], sessionmaker[Session]], tiny: Path) -> Iterator[Deploy]:
    """Fills deployments with a corpus and a tiny model, whose queue is the real one."""
    queues: list[JobsClient] = []

    def fill(settings: Settings) -> World:
        sessions = open_sessions(settings)
        queues.append(JobsClient(settings))
        world = World(settings, sessions, queues[-1])  # type: ignore[arg-type]
        world.corpus(count=DOCUMENTS)
        world.model("tiny", tiny)
        return world

    yield fill
    for queue in queues:
        queue.close()


def _finished(world: World) -> dict[int, tuple[datetime, str]]:
    """When and by whom each finished shard was done."""
    with world.sessions() as session:
        found = session.scalars(select(ScanShard).where(ScanShard.finished_at.is_not(None)))
        return {one.number: (one.finished_at, one.worker) for one in found}  # type: ignore[misc]


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory,
    tiny: Path,
    one_thread: None,  # noqa: ARG001 - a setting, not a value
) -> dict[str, list[tuple[int, float]]]:
    """The ranking of a run that nothing interrupted, and without any queue."""
    settings = quick_settings(tmp_path_factory.mktemp("calm") / "home", None, shard_sequences=SHARD)
    migrate(settings)
    sessions = session_factory(settings)
    world = World(settings, sessions)
    world.corpus(count=DOCUMENTS)
    world.model("tiny", tiny)
    [run] = world.ask(keep=20)
    world.answer(run)
    ranking = _ranking(world, run)
    sessions.kw["bind"].dispose()
    return ranking


def _ranking(world: World, run: str) -> dict[str, list[tuple[int, float]]]:
    return {
        sign: [(row.sequence_id, row.influence) for row in world.rows(run, sign)] for sign in ("positive", "negative")
    }


def test_a_worker_killed_in_the_middle_of_a_scan_goes_on_where_it_was(
    tmp_path: Path, database_url: str | None, deploy: Deploy, uninterrupted: dict[str, list[tuple[int, float]]]
) -> None:
    settings = quick_settings(tmp_path / "home", database_url, shard_sequences=SHARD)
    world = deploy(settings)
    [run] = world.ask(keep=20)
    with started(settings, "worker") as worker:
        wait_for("five shards", lambda: len(_finished(world)) >= 5)
        kill(worker)
    before = _finished(world)
    assert 5 <= len(before) < DOCUMENTS // SHARD
    assert world.run(run).state == "running"
    with started(settings, "worker"):
        wait_for("the answer", lambda: world.run(run).state == "done")
    after = _finished(world)
    assert {number: after[number] for number in before} == before
    assert sorted(after) == list(range(DOCUMENTS // SHARD))
    assert _ranking(world, run) == uninterrupted


def test_a_worker_killed_in_the_middle_of_an_indexed_answer_goes_on_where_it_was(
    tmp_path: Path, deploy: Deploy, uninterrupted: dict[str, list[tuple[int, float]]]
) -> None:
    """With so many kept of so few sequences every one is a candidate, so the ranking is that of everything."""
    settings = quick_settings(tmp_path / "home", None, shard_sequences=SHARD)
    world = deploy(settings)
    [run] = world.ask(keep=20, scope="indexed")
    with started(settings, "worker") as worker:
        wait_for("five shards", lambda: len(_finished(world)) >= 5)
        kill(worker)
    before, index = _finished(world), _index(world)
    assert 5 <= len(before) < DOCUMENTS // SHARD
    with started(settings, "worker"):
        wait_for("the answer", lambda: world.run(run).state == "done")
    after = _finished(world)
    assert {number: after[number] for number in before} == before
    assert _index(world) == index
    assert world.run(run).sequences_scanned == DOCUMENTS
    assert _ranking(world, run) == uninterrupted


def _index(world: World) -> tuple[str, datetime]:
    """The index that was made, and when."""
    with world.sessions() as session:
        found = session.scalars(select(StoredIndex)).one()
    return found.fingerprint or "", found.created_at


def test_two_workers_share_a_scan_and_one_finishes_when_the_other_dies(
    tmp_path: Path,
    new_postgres: Callable[[], str],
    deploy: Deploy,
    uninterrupted: dict[str, list[tuple[int, float]]],
) -> None:
    settings = quick_settings(tmp_path / "home", new_postgres(), shard_sequences=SHARD)
    world = deploy(settings)
    with (
        started(settings, "worker", INFLUENCE_WORKER_NAME="a") as first,
        started(settings, "worker", INFLUENCE_WORKER_NAME="b"),
    ):
        wait_for("both workers", lambda: len(_alive(world)) == 2)
        [run] = world.ask(keep=20)
        wait_for("a shard of each", lambda: {by for _, by in _finished(world).values()} == {"a", "b"})
        kill(first)
        wait_for("the answer", lambda: world.run(run).state == "done")
    assert len(_finished(world)) == DOCUMENTS // SHARD
    assert _ranking(world, run) == uninterrupted


def _alive(world: World) -> list[str]:
    with world.sessions() as session:
        return [one.name for one in catalog.workers(session) if one.alive]


def test_a_cancelled_scan_stops_and_the_worker_takes_the_next(tmp_path: Path, deploy: Deploy) -> None:
    settings = quick_settings(tmp_path / "home", None, shard_sequences=1)
    world = deploy(settings)
    [unwanted] = world.ask()
    with started(settings, "worker") as worker:
        wait_for("a shard", lambda: len(_finished(world)) >= 1)
        with world.sessions() as session:
            queries.cancel(session, world.jobs, unwanted.split("-")[0])
        [wanted] = world.ask("closed")
        wait_for("the next answer", lambda: world.run(wanted).state == "done")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=PATIENCE_SECONDS) == 0
    assert world.run(unwanted).state == "cancelled"
    with world.sessions() as session:
        shards = session.scalars(select(ScanShard).where(ScanShard.scan_id == unwanted)).all()
        assert sum(shard.finished_at is not None for shard in shards) < len(shards)
        assert session.get_one(Scan, wanted).finished_at is not None
        assert session.scalar(select(Run.state).where(Run.id == wanted)) == "done"
    assert _alive(world) == []
