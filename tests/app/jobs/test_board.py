"""The board against the real library, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from dbos import DBOSClient, DBOSPortableJSONSerializer

from app.jobs import names
from app.jobs.board import Board
from app.jobs.client import JobsClient
from app.jobs.schema import jobs_url, migrate_jobs
from app.settings import Settings


@pytest.fixture
def jobs(settings: Settings) -> Iterator[JobsClient]:
    client = JobsClient(settings)
    yield client
    client.close()


@pytest.fixture
def board(settings: Settings) -> Iterator[Board]:
    migrate_jobs(settings)
    client = DBOSClient(
        system_database_url=jobs_url(settings),
        serializer=DBOSPortableJSONSerializer(),
        application_name=names.APPLICATION,
    )
    yield Board(client)
    client.destroy()


def test_jobs_are_found_by_id_as_far_as_they_exist(jobs: JobsClient, board: Board) -> None:
    jobs.enqueue_run("abc")
    found = board.jobs(["abc", "nothing"])
    assert list(found) == ["abc"]
    assert (found["abc"].kind, found["abc"].status, found["abc"].alive) == (names.RUN, "ENQUEUED", True)
    assert board.jobs([]) == {}
    assert board.running() == []


def test_a_job_given_up_is_over_and_one_resumed_waits_in_its_queue(jobs: JobsClient, board: Board) -> None:
    jobs.enqueue_run("abc")
    board.give_up(board.jobs(["abc"])["abc"])
    over = board.jobs(["abc"])["abc"]
    assert not over.alive
    board.resume(over)
    again = board.jobs(["abc"])["abc"]
    assert (again.alive, again.queue) == (True, names.DEVICE_QUEUE)


def test_records_of_old_jobs_are_dropped_and_waiting_ones_stay(jobs: JobsClient, board: Board) -> None:
    for name in ("old", "waiting"):
        jobs.enqueue_run(name)
    board.give_up(board.jobs(["old"])["old"])
    past, future = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    assert board.forget(past.isoformat()) == 0
    assert board.forget(future.isoformat()) == 1
    assert list(board.jobs(["old", "waiting"])) == ["waiting"]
