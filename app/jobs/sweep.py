"""The sweep: what died is taken over, what was never enqueued is, and what cannot be finished is ended.

Every worker sweeps. Rows in the product's database say what ought to be done; the queue says what is being done.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.jobs import names
from app.jobs.board import Board, Job
from app.jobs.client import Jobs
from app.models import Check, Model, Rescue, Run, StoredIndex, Worker
from app.settings import Settings

Row = TypeVar("Row")
log = structlog.get_logger("influence.jobs")

MOST_RESCUES = 3
GRACE = timedelta(seconds=15)
KEEP_RECORDS = timedelta(days=7)
LOST = "The workers that had this in hand died, {} times in all."
LOST_REMEDY = "Look at the worker's log for why (often memory), then try again."


@dataclass(frozen=True)
class Sweep:
    """One worker's look at everything that should be going on."""

    settings: Settings
    sessions: sessionmaker[Session]
    board: Board
    jobs: Jobs

    def __call__(self) -> None:
        """Do all of it once."""
        self.rescue()
        self.runs()
        self.models()
        self.indexes()
        self.checks()

    def forget(self) -> None:
        """Drop the queue's records of jobs that ended long ago."""
        self.board.forget((_now() - KEEP_RECORDS).isoformat())

    def rescue(self) -> None:
        """Give the jobs of dead workers back to their queues; beyond a limit, end them."""
        if not any(self._orphans(self._dead_or_unknown())):
            return
        # Under one lock, and looked at again, so that two sweepers never take over the same death twice.
        with writing(self.sessions) as session:
            list(session.scalars(select(Worker).with_for_update()))
            for job in self._orphans(_dead(session, self.settings)):
                self._rescue(session, job)

    def _dead_or_unknown(self) -> set[str]:
        with self.sessions() as session:
            return _dead(session, self.settings)

    def _orphans(self, dead: set[str]) -> Iterable[Job]:
        return [job for job in self.board.running() if job.worker in dead] if dead else []

    def _rescue(self, session: Session, job: Job) -> None:
        record = session.get(Rescue, job.id)
        if record is None:
            record = Rescue(workflow=job.id, count=0)
            session.add(record)
        if record.count >= MOST_RESCUES:
            log.warning("job given up", job=job.id, worker=job.worker, rescues=record.count)
            self.board.give_up(job)
            return
        record.count, record.last_at = record.count + 1, _now()
        log.warning("job taken over", job=job.id, worker=job.worker, rescues=record.count)
        self.board.resume(job)

    def runs(self) -> None:
        """See that every run that is not over has a job that is not over."""
        with self.sessions() as session:
            open_runs = list(
                session.scalars(select(Run).where(Run.state.in_(("queued", "running")), Run.queued_at < _now() - GRACE))
            )
        jobs = self.board.jobs({_job_of(run) for run in open_runs})
        for run in open_runs:
            job = jobs.get(_job_of(run))
            if job is None or not job.alive:
                self._renew(run, job)

    def _renew(self, seen: Run, job: Job | None) -> None:
        if job is None and seen.state == "queued":
            # The row was stored and the process died before it could enqueue.
            self.jobs.enqueue_run(seen.id, seen.attempt)
            return
        with writing(self.sessions) as session:
            run = session.get_one(Run, seen.id, with_for_update=True)
            if (run.state, run.scan_id, run.attempt) != (seen.state, seen.scan_id, seen.attempt):
                return
            again = not _led_by(run, job)
            if again:
                run.state, run.stage, run.scan_id, run.attempt = "queued", "waiting", None, run.attempt + 1
                run.done, run.total, run.queued_at, run.started_at = 0, 0, _now(), None
            else:
                run.state, run.stage, run.finished_at = "failed", "finished", _now()
                run.problem, run.remedy = LOST.format(MOST_RESCUES + 1), LOST_REMEDY
            run.partial, run.seconds_left, run.version = [], None, run.version + 1
        log.warning("run renewed" if again else "run given up", run=run.id, job=None if job is None else job.id)
        if again:
            self.jobs.enqueue_run(run.id, run.attempt)

    def _see_to(
        self,
        waiting: list[Row],
        job_of: Callable[[Row], str],
        enqueue: Callable[[Row], None],
        give_up: Callable[[Row], None],
    ) -> None:
        """Enqueue what has no job, and give up what has one that is over without having ended it."""
        jobs = self.board.jobs({job_of(row) for row in waiting})
        for row in waiting:
            job = jobs.get(job_of(row))
            if job is None:
                enqueue(row)
            elif not job.alive:
                give_up(row)

    def models(self) -> None:
        """See that every model that waits or is being prepared has a job that is not over."""
        with self.sessions() as session:
            waiting = list(
                session.scalars(
                    select(Model).where(Model.state.in_(("waiting", "preparing")), Model.created_at < _now() - GRACE)
                )
            )
        self._see_to(
            waiting,
            lambda row: names.preparation_workflow(row.name, row.attempt),
            lambda row: self.jobs.enqueue_preparation(row.name, row.attempt),
            self._give_up_model,
        )

    def _give_up_model(self, seen: Model) -> None:
        with writing(self.sessions) as session:
            row = session.get_one(Model, seen.name)
            if (row.state, row.attempt) == (seen.state, seen.attempt):
                row.state, row.preparer = "failed", None
                row.problem = LOST.format(MOST_RESCUES + 1)
                row.remedy = f"{LOST_REMEDY[:-1]}: `influence model refit {row.name}`."

    def indexes(self) -> None:
        """See that every index that waits or is being made has a job that is not over."""
        with self.sessions() as session:
            waiting = list(
                session.scalars(
                    select(StoredIndex).where(
                        StoredIndex.state.in_(("waiting", "preparing")), StoredIndex.created_at < _now() - GRACE
                    )
                )
            )
        self._see_to(
            waiting,
            lambda row: names.index_workflow(row.model, row.corpus, row.attempt),
            lambda row: self.jobs.enqueue_index(row.model, row.corpus, row.attempt),
            self._give_up_index,
        )

    def _give_up_index(self, seen: StoredIndex) -> None:
        with writing(self.sessions) as session:
            row = session.get(StoredIndex, seen.id)
            if row is not None and (row.state, row.attempt) == (seen.state, seen.attempt):
                row.state, row.problem = "failed", LOST.format(MOST_RESCUES + 1)
                row.remedy = f"{LOST_REMEDY[:-1]}: `influence index {row.model} {row.corpus}`."

    def checks(self) -> None:
        """See that every check that waits or is under way has a job that is not over."""
        with self.sessions() as session:
            waiting = list(
                session.scalars(
                    select(Check).where(Check.state.in_(("queued", "running")), Check.queued_at < _now() - GRACE)
                )
            )
        self._see_to(
            waiting,
            lambda row: names.check_workflow(row.id, row.attempt),
            lambda row: self.jobs.enqueue_check(row.id, row.attempt),
            self._give_up_check,
        )

    def _give_up_check(self, seen: Check) -> None:
        with writing(self.sessions) as session:
            row = session.get(Check, seen.id)
            if row is not None and (row.state, row.attempt) == (seen.state, seen.attempt):
                row.state, row.stage, row.finished_at = "failed", "finished", _now()
                row.problem, row.remedy = LOST.format(MOST_RESCUES + 1), LOST_REMEDY


def _now() -> datetime:
    return datetime.now(UTC)


def _dead(session: Session, settings: Settings) -> set[str]:
    """Workers whose heartbeat stopped, and those that said they stop."""
    lost = _now() - timedelta(seconds=settings.heartbeat_lost_after)
    gone = (Worker.seen_at < lost) | Worker.stopped_at.is_not(None)
    return set(session.scalars(select(Worker.name).where(gone)))


def _job_of(run: Run) -> str:
    """The job that will answer the run: that of its scan, which has the scan's id, or its own."""
    return run.scan_id or names.run_workflow(run.id, run.attempt)


def _led_by(run: Run, job: Job | None) -> bool:
    """Whether the run itself led a scan that died for good; those that only shared it get another chance."""
    return job is not None and run.state == "running" and job.id == names.run_workflow(run.id, run.attempt)
