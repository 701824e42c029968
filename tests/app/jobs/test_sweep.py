"""The sweep against a board made by hand: what ought to be done, and what the queue says is being done."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.columns import now
from app.database import writing
from app.jobs import names
from app.jobs.board import Job
from app.jobs.client import NullJobs
from app.jobs.sweep import MOST_RESCUES, Sweep
from app.models import Check, Model, Run, Scan, StoredIndex, Worker
from app.services.run_settings import RunSettings
from app.settings import Settings
from tests.app.rows import add_catalog, form, submit


class HandMadeBoard:
    """A board that remembers what was done to its jobs."""

    def __init__(self, *jobs: Job) -> None:
        self.all = {job.id: job for job in jobs}
        self.resumed: list[str] = []
        self.given_up: list[str] = []

    def jobs(self, ids: Iterable[str]) -> dict[str, Job]:
        return {i: self.all[i] for i in ids if i in self.all}

    def running(self) -> list[Job]:
        return [job for job in self.all.values() if job.status == "PENDING"]

    def resume(self, job: Job) -> None:
        self.resumed.append(job.id)

    def give_up(self, job: Job) -> None:
        self.given_up.append(job.id)


def job(identifier: str, status: str = "PENDING", worker: str | None = "here", kind: str = names.RUN) -> Job:
    return Job(identifier, kind, status, worker)


@pytest.fixture
def jobs() -> NullJobs:
    return NullJobs()


@pytest.fixture
def world(sessions: sessionmaker[Session]) -> sessionmaker[Session]:
    add_catalog(sessions)
    with writing(sessions) as session:
        for name, age in (("here", 0.0), ("gone", 60.0)):
            seen = now() - timedelta(seconds=age)
            session.add(Worker(name=name, device="cpu", host="h", pid=1, seen_at=seen))
    return sessions


def _old(sessions: sessionmaker[Session]) -> None:
    """Make every row old enough for the sweep to look at."""
    long_ago = now() - timedelta(minutes=5)
    with writing(sessions) as session:
        session.execute(update(Run).values(queued_at=long_ago))
        session.execute(update(Model).values(created_at=long_ago))
        session.execute(update(StoredIndex).values(created_at=long_ago))
        session.execute(update(Check).values(queued_at=long_ago))


def test_jobs_of_the_dead_go_back_and_those_of_the_living_stay(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs
) -> None:
    board = HandMadeBoard(job("a", worker="gone"), job("b", worker="here"), job("c", "ENQUEUED", "gone"))
    Sweep(settings, world, board, jobs).rescue()  # type: ignore[arg-type]
    assert board.resumed == ["a"]


def test_a_job_that_kills_its_workers_is_given_up(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs
) -> None:
    board = HandMadeBoard(job("a", worker="gone"))
    sweep = Sweep(settings, world, board, jobs)  # type: ignore[arg-type]
    for _ in range(MOST_RESCUES + 1):
        sweep.rescue()
    assert board.resumed == ["a"] * MOST_RESCUES
    assert board.given_up == ["a"]


def test_a_run_that_was_stored_but_never_enqueued_is(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs
) -> None:
    [run] = submit(world)
    _old(world)
    Sweep(settings, world, HandMadeBoard(), jobs).runs()  # type: ignore[arg-type]
    assert jobs.asked == [("run", run, 1)]


def test_a_run_asked_just_now_is_left_to_whoever_is_enqueueing_it(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs
) -> None:
    submit(world)
    Sweep(settings, world, HandMadeBoard(), jobs).runs()  # type: ignore[arg-type]
    assert jobs.asked == []


def test_a_run_whose_job_waits_is_left_alone(settings: Settings, world: sessionmaker[Session], jobs: NullJobs) -> None:
    [run] = submit(world)
    _old(world)
    Sweep(settings, world, HandMadeBoard(job(run, "ENQUEUED")), jobs).runs()  # type: ignore[arg-type]
    assert jobs.asked == []


def test_when_a_scan_died_for_good_its_leader_fails_and_the_others_get_another_chance(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs
) -> None:
    [leader] = submit(world)
    [other] = submit(world, form(completion="closed"))
    with writing(world) as session:
        chosen = RunSettings().model_dump()
        session.add(
            Scan(
                id=leader, model="small", corpus="towns", scope="everything", settings=chosen, run_ids=[leader, other],
                keep=5,
            )
        )  # fmt: skip
        session.flush()
        session.execute(update(Run).values(state="running", scan_id=leader))
    _old(world)
    board = HandMadeBoard(job(leader, "MAX_RECOVERY_ATTEMPTS_EXCEEDED"), job(other, "SUCCESS"))
    Sweep(settings, world, board, jobs).runs()  # type: ignore[arg-type]
    with world() as session:
        first, second = session.get_one(Run, leader), session.get_one(Run, other)
        assert (first.state, first.problem) == ("failed", "The workers that had this in hand died, 4 times in all.")
        assert first.remedy is not None
        assert (second.state, second.attempt, second.scan_id) == ("queued", 2, None)
    assert jobs.asked == [("run", other, 2)]


def test_a_model_that_waits_without_a_job_gets_one_and_one_whose_job_died_fails(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs
) -> None:
    with writing(world) as session:
        session.get_one(Model, "small").state = "waiting"
        session.get_one(Model, "large").state = "preparing"
    _old(world)
    board = HandMadeBoard(job("prepare:large.1", "CANCELLED", kind=names.PREPARE))
    Sweep(settings, world, board, jobs).models()  # type: ignore[arg-type]
    assert jobs.asked == [("prepare", "small", 1)]
    with world() as session:
        row = session.get_one(Model, "large")
        assert row.state == "failed"
        assert row.remedy is not None
        assert "influence model refit large" in row.remedy


def _wished(sessions: sessionmaker[Session], state: str) -> str:
    with writing(sessions) as session:
        session.add(StoredIndex(model="small", corpus="towns", config_digest="d", state=state))
    _old(sessions)
    return names.index_workflow("small", "towns", 1)


@pytest.mark.parametrize("state", ["waiting", "preparing"])
def test_an_index_that_was_wished_for_but_never_enqueued_is(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs, state: str
) -> None:
    _wished(world, state)
    Sweep(settings, world, HandMadeBoard(), jobs).indexes()  # type: ignore[arg-type]
    assert jobs.asked == [("index", "small towns", 1)]


def test_an_index_whose_job_waits_or_that_is_there_is_left_alone(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs
) -> None:
    waiting = job(_wished(world, "waiting"), "ENQUEUED", kind=names.INDEX)
    Sweep(settings, world, HandMadeBoard(waiting), jobs).indexes()  # type: ignore[arg-type]
    with writing(world) as session:
        session.execute(update(StoredIndex).values(state="ready"))
    Sweep(settings, world, HandMadeBoard(), jobs).indexes()  # type: ignore[arg-type]
    assert jobs.asked == []


def test_an_index_that_killed_its_workers_fails_with_a_remedy(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs
) -> None:
    dead = job(_wished(world, "preparing"), "CANCELLED", kind=names.INDEX)
    Sweep(settings, world, HandMadeBoard(dead), jobs).indexes()  # type: ignore[arg-type]
    with world() as session:
        row = session.scalars(select(StoredIndex)).one()
    assert row.state == "failed"
    assert "died" in (row.problem or "")
    assert "`influence index small towns`" in (row.remedy or "")


def _asked_check(sessions: sessionmaker[Session], state: str) -> str:
    [run] = submit(sessions)
    with writing(sessions) as session:
        session.add(Check(id="c", run_id=run, sequence_id=3, kind="one_step", state=state, attempt=2))
    _old(sessions)
    return names.check_workflow("c", 2)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_check_without_a_job_gets_one_and_one_whose_job_waits_is_left_alone(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs, state: str
) -> None:
    waiting = job(_asked_check(world, state), "ENQUEUED", kind=names.CHECK)
    Sweep(settings, world, HandMadeBoard(waiting), jobs).checks()  # type: ignore[arg-type]
    assert jobs.asked == []
    Sweep(settings, world, HandMadeBoard(), jobs).checks()  # type: ignore[arg-type]
    assert jobs.asked == [("check", "c", 2)]


def test_a_check_that_killed_its_workers_fails_with_a_remedy(
    settings: Settings, world: sessionmaker[Session], jobs: NullJobs
) -> None:
    dead = job(_asked_check(world, "running"), "CANCELLED", kind=names.CHECK)
    Sweep(settings, world, HandMadeBoard(dead), jobs).checks()  # type: ignore[arg-type]
    with world() as session:
        row = session.get_one(Check, "c")
    assert (row.state, row.stage) == ("failed", "finished")
    assert "died" in (row.problem or "")
    assert row.remedy
