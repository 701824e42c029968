"""What the rest of the product asks of the queue, without running any job itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from sqlalchemy.exc import DBAPIError

from app.jobs import names
from app.jobs.schema import jobs_url, migrate_jobs
from app.settings import Settings

if TYPE_CHECKING:
    from dbos import DBOSClient, EnqueueOptions


class JobsUnavailable(Exception):  # noqa: N818 - a state of the world, told by its name
    """The queue cannot be reached. Nothing is lost: a worker's sweep finds rows that wait without a job."""


class Jobs(Protocol):
    """The queue as services see it. Work is named by row and attempt, so asking twice changes nothing."""

    def enqueue_run(self, run_id: str, attempt: int = 1, *, urgent: bool = True) -> None:
        """Let a worker answer a run. Urgent runs (a person waits) come before the gallery's."""

    def enqueue_preparation(self, model: str, attempt: int = 1) -> None:
        """Let a worker read a model, its corpus, and fit its factors."""

    def enqueue_index(self, model: str, corpus: str, attempt: int = 1) -> None:
        """Let a worker make the gradient index of a model over a corpus."""

    def enqueue_check(self, check_id: str, attempt: int = 1, *, urgent: bool = True) -> None:
        """Let a worker make a check of a kept sequence."""

    def cancel(self, run_id: str, attempt: int = 1) -> None:
        """Take a run that has not begun out of the queue."""

    def cancel_check(self, check_id: str, attempt: int = 1) -> None:
        """Take a check that has not begun out of the queue."""


class NullJobs:
    """A queue that remembers what it was asked and does nothing: for tests, and for `--help`-like uses."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int]] = []

    def enqueue_run(self, run_id: str, attempt: int = 1, *, urgent: bool = True) -> None:  # noqa: ARG002
        self.asked.append(("run", run_id, attempt))

    def enqueue_preparation(self, model: str, attempt: int = 1) -> None:
        self.asked.append(("prepare", model, attempt))

    def enqueue_index(self, model: str, corpus: str, attempt: int = 1) -> None:
        self.asked.append(("index", f"{model} {corpus}", attempt))

    def enqueue_check(self, check_id: str, attempt: int = 1, *, urgent: bool = True) -> None:  # noqa: ARG002
        self.asked.append(("check", check_id, attempt))

    def cancel(self, run_id: str, attempt: int = 1) -> None:
        self.asked.append(("cancel", run_id, attempt))

    def cancel_check(self, check_id: str, attempt: int = 1) -> None:
        self.asked.append(("cancel check", check_id, attempt))


class JobsClient:
    """The queue of a deployment. It connects, and brings the queue's tables up to date, when first used."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: DBOSClient | None = None

    def enqueue_run(self, run_id: str, attempt: int = 1, *, urgent: bool = True) -> None:
        """Let a worker answer a run; asking twice changes nothing."""
        priority = names.URGENT if urgent else names.GALLERY
        self._enqueue(names.RUN, names.run_workflow(run_id, attempt), priority, run_id, attempt)

    def enqueue_preparation(self, model: str, attempt: int = 1) -> None:
        """Let a worker read a model, its corpus, and fit its factors; asking twice changes nothing."""
        self._enqueue(names.PREPARE, names.preparation_workflow(model, attempt), names.GALLERY, model, attempt)

    def enqueue_index(self, model: str, corpus: str, attempt: int = 1) -> None:
        """Let a worker make the gradient index of a model over a corpus; asking twice changes nothing."""
        workflow_id = names.index_workflow(model, corpus, attempt)
        self._enqueue(names.INDEX, workflow_id, names.GALLERY, model, corpus, attempt)

    def enqueue_check(self, check_id: str, attempt: int = 1, *, urgent: bool = True) -> None:
        """Let a worker make a check of a kept sequence; asking twice changes nothing."""
        priority = names.URGENT if urgent else names.GALLERY
        self._enqueue(names.CHECK, names.check_workflow(check_id, attempt), priority, check_id, attempt)

    def cancel(self, run_id: str, attempt: int = 1) -> None:
        """Take a run that has not begun out of the queue."""
        self._take_out(names.run_workflow(run_id, attempt))

    def cancel_check(self, check_id: str, attempt: int = 1) -> None:
        """Take a check that has not begun out of the queue."""
        self._take_out(names.check_workflow(check_id, attempt))

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            if self._client is not None:
                self._client.destroy()
                self._client = None

    def _take_out(self, workflow_id: str) -> None:
        with _told():
            self._connected().cancel_workflow(workflow_id)

    def _enqueue(self, workflow: str, workflow_id: str, priority: int, *arguments: str | int) -> None:
        options: EnqueueOptions = {
            "workflow_name": workflow,
            "queue_name": names.DEVICE_QUEUE,
            "workflow_id": workflow_id,
            "app_version": names.VERSION,
            "priority": priority,
        }
        with _told():
            self._connected().enqueue(options, *arguments)

    def _connected(self) -> "DBOSClient":
        with self._lock:
            if self._client is None:
                self._client = _connect(self._settings)
            return self._client


def _connect(settings: Settings) -> "DBOSClient":
    from dbos import DBOSClient, DBOSPortableJSONSerializer

    migrate_jobs(settings)
    return DBOSClient(
        system_database_url=jobs_url(settings),
        serializer=DBOSPortableJSONSerializer(),
        application_name=names.APPLICATION,
        retry_connection_errors=False,
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, OSError) as error:
        raise JobsUnavailable(f"The queue's database does not answer: {error}") from error
