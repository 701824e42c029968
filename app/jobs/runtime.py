"""The worker's side of the queue: launch the workflow library, look for work, sweep."""

import threading
import time
from collections.abc import Callable

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer
from sqlalchemy.orm import Session, sessionmaker

from app.jobs import names, workflows
from app.jobs.board import Board
from app.jobs.client import JobsClient
from app.jobs.schema import jobs_url, migrate_jobs
from app.jobs.sweep import Sweep
from app.settings import Settings

log = structlog.get_logger("influence.jobs")

FORGET_EVERY = 720
ENDING_SECONDS = 2.0


class Runtime:
    """Runs jobs in this process until it is stopped.

    `worker` is the stable name of this worker: what it left unfinished when it died is continued when a worker
    of the same name starts, or by another one's sweep once its heartbeat is lost.
    """

    def __init__(self, settings: Settings, sessions: sessionmaker[Session], worker: str, work: workflows.Work) -> None:
        self._settings = settings
        self._sessions = sessions
        self._worker = worker
        self._work = work
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Launch, listen to the queues, and begin to sweep."""
        migrate_jobs(self._settings)
        workflows.use(self._work)
        DBOS(config=self._config())
        DBOS.launch()
        for queue in (names.DEVICE_QUEUE, names.SHARDS_QUEUE):
            DBOS.register_queue(
                queue,
                worker_concurrency=1,
                polling_interval_sec=self._settings.poll_seconds,
                on_conflict="always_update",
            )
        self._thread = threading.Thread(target=self._sweep_now_and_then, name="sweep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more work. A job that is running stays unfinished and is continued by the next worker."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        try:
            self._let_end()
        finally:
            DBOS.destroy()

    def _let_end(self) -> None:
        """Wait a little for what is about to end: a job whose run is done already still tells the queue so."""
        deadline = time.monotonic() + ENDING_SECONDS
        while DBOS.list_workflows(status="PENDING", executor_id=self._worker, load_input=False, load_output=False):
            if time.monotonic() > deadline:
                return
            time.sleep(0.05)

    def _config(self) -> DBOSConfig:
        return {
            "name": names.APPLICATION,
            "system_database_url": jobs_url(self._settings),
            "executor_id": self._worker,
            "application_version": names.VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "run_migrations": False,
        }

    def _sweep_now_and_then(self) -> None:
        client = DBOSClient(
            system_database_url=jobs_url(self._settings),
            serializer=DBOSPortableJSONSerializer(),
            application_name=names.APPLICATION,
        )
        jobs = JobsClient(self._settings)
        sweep = Sweep(self._settings, self._sessions, Board(client), jobs)
        turn = 0
        while not self._stop.is_set():
            self._try(sweep.forget if turn % FORGET_EVERY == FORGET_EVERY - 1 else sweep)
            turn += 1
            self._stop.wait(self._settings.sweep_seconds)
        jobs.close()
        client.destroy()

    def _try(self, sweep: Callable[[], None]) -> None:
        try:
            sweep()
        except Exception:
            # The next one will do; a database that is away must not end the worker.
            log.warning("sweep failed", exc_info=True)
