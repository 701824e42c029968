"""The queue as services use it, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dbos import DBOSClient, DBOSPortableJSONSerializer
from sqlalchemy import create_engine, text

from app.jobs import names
from app.jobs.client import JobsClient, JobsUnavailable
from app.jobs.schema import jobs_url, migrate_jobs
from app.settings import Settings
from tests.conftest import quick_settings


@pytest.fixture
def jobs(settings: Settings) -> Iterator[JobsClient]:
    client = JobsClient(settings)
    yield client
    client.close()


@pytest.fixture
def look(settings: Settings) -> Iterator[DBOSClient]:
    migrate_jobs(settings)
    client = DBOSClient(system_database_url=jobs_url(settings), serializer=DBOSPortableJSONSerializer())
    yield client
    client.destroy()


def test_asking_twice_makes_one_job(jobs: JobsClient, look: DBOSClient) -> None:
    for _ in range(2):
        jobs.enqueue_run("abc-def")
        jobs.enqueue_preparation("tiny")
        jobs.enqueue_index("tiny", "towns")
    found = {one.workflow_id: one for one in look.list_workflows()}
    assert set(found) == {"abc-def", "prepare:tiny.1", "index:tiny:towns.1"}
    assert found["abc-def"].name == names.RUN
    assert found["abc-def"].queue_name == names.DEVICE_QUEUE
    assert found["abc-def"].app_version == names.VERSION


def test_another_attempt_is_another_job(jobs: JobsClient, look: DBOSClient) -> None:
    jobs.enqueue_run("abc-def")
    jobs.enqueue_run("abc-def", 2)
    assert {one.workflow_id for one in look.list_workflows()} == {"abc-def", "abc-def.2"}


def test_a_person_who_waits_comes_before_the_gallery(jobs: JobsClient, look: DBOSClient) -> None:
    jobs.enqueue_run("gallery", urgent=False)
    jobs.enqueue_run("person")
    priority = {one.workflow_id: one.priority for one in look.list_workflows()}
    assert priority["person"] is not None
    assert priority["gallery"] is not None
    assert priority["person"] < priority["gallery"]


def test_a_cancelled_job_does_not_wait_any_more(jobs: JobsClient, look: DBOSClient) -> None:
    jobs.enqueue_run("abc-def")
    jobs.cancel("abc-def")
    [job] = look.list_workflows()
    assert job.status == "CANCELLED"


def test_a_queue_out_of_reach_says_so(tmp_path: Path) -> None:
    away = quick_settings(tmp_path, None, jobs_url="postgresql://nobody@127.0.0.1:1/none")
    client = JobsClient(away)
    with pytest.raises(JobsUnavailable, match="does not answer"):
        client.enqueue_run("abc-def")


def test_the_queue_on_sqlite_keeps_a_write_ahead_log_in_a_file_of_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    migrate_jobs(settings)
    database = create_engine(settings.jobs)
    with database.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
    database.dispose()
    assert settings.jobs != settings.database
