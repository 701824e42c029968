"""What the sweep sees of the queue: which jobs there are, how they stand, and who had them last."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.jobs import names

if TYPE_CHECKING:
    from dbos import DBOSClient

ALIVE = frozenset({"ENQUEUED", "PENDING", "DELAYED"})
OVER = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


@dataclass(frozen=True)
class Job:
    """A workflow as the sweep needs it."""

    id: str
    kind: str
    status: str
    worker: str | None

    @property
    def queue(self) -> str:
        """Where it waits. Told by its kind: the library forgets a job's queue when it is given up."""
        return names.SHARDS_QUEUE if self.kind == names.SHARD else names.DEVICE_QUEUE

    @property
    def alive(self) -> bool:
        """Whether it waits or runs."""
        return self.status in ALIVE


class Board:
    """The queue's jobs, read and moved through the library's client."""

    def __init__(self, client: "DBOSClient") -> None:
        self._client = client

    def jobs(self, ids: Iterable[str]) -> dict[str, Job]:
        """The jobs with these ids, as far as they exist."""
        wanted = list(ids)
        if not wanted:
            return {}
        found = self._client.list_workflows(workflow_ids=wanted, load_input=False, load_output=False)
        return {one.workflow_id: Job(one.workflow_id, one.name, one.status, one.executor_id) for one in found}

    def running(self) -> list[Job]:
        """The jobs that some worker has begun and not ended."""
        found = self._client.list_workflows(
            status="PENDING", app_version=names.VERSION, load_input=False, load_output=False
        )
        return [Job(one.workflow_id, one.name, one.status, one.executor_id) for one in found]

    def resume(self, job: Job) -> None:
        """Give a job back to its queue."""
        self._client.resume_workflow(job.id, queue_name=job.queue)

    def give_up(self, job: Job) -> None:
        """End a job for good."""
        self._client.cancel_workflow(job.id)

    def forget(self, before: str, limit: int = 500) -> int:
        """Delete the records of jobs that were over before a moment (ISO time); returns how many."""
        over = self._client.list_workflows(
            status=OVER, completed_before=before, limit=limit, load_input=False, load_output=False
        )
        if over:
            self._client.delete_workflows([one.workflow_id for one in over])
        return len(over)
