"""The durable workflows. A step that is done is never done again; a step cut off in the middle is repeated.

Nothing here knows how the work is done: the worker hands in an object that does it (`use`).
"""

from typing import Protocol

from dbos import DBOS, SetWorkflowID

from app.jobs import names

RECOVERIES = 3
WAIT_SECONDS = 0.2


class Work(Protocol):
    """What a worker does for the queue. Its methods do not raise, and may be repeated after a crash."""

    def claim(self, run_id: str, attempt: int, scan_id: str) -> str | None:
        """Take a run and those that can share its scan into a scan; None when there is nothing to do."""

    def plan(self, scan_id: str) -> int:
        """Make a scan ready; returns its number of shards, 0 when it is over already."""

    def shard(self, scan_id: str, number: int) -> bool:
        """Scan one shard; False when the scan is over: cancelled, or failed."""

    def conclude(self, scan_id: str) -> None:
        """Store the answers of a scan."""

    def fail(self, scan_id: str, problem: str, remedy: str) -> None:
        """End a scan that cannot be finished."""

    def prepare(self, name: str) -> None:
        """Get a model ready."""

    def index(self, model: str, corpus: str) -> None:
        """Make the gradient index of a model over a corpus."""

    def check(self, check_id: str, attempt: int) -> None:
        """Make a check of a kept sequence."""


_in_use: list[Work] = []


def use(work: Work) -> None:
    """The object that does the work in this process from now on."""
    _in_use[:] = [work]


def _work() -> Work:
    return _in_use[0]


@DBOS.workflow(name=names.RUN, max_recovery_attempts=RECOVERIES)
def answer_run(run_id: str, attempt: int) -> None:
    """Answer a run, and with it all waiting runs that can share its scan."""
    own = names.run_workflow(run_id, attempt)
    scan = DBOS.run_step({"name": "claim"}, lambda: _work().claim(run_id, attempt, own))
    if scan is None:
        return
    shards = DBOS.run_step({"name": "plan"}, lambda: _work().plan(scan))
    if not shards:
        return
    try:
        finished = _all_shards(scan, shards)
    except Exception as error:
        problem = f"A part of the scan was given up ({type(error).__name__}: {error})."
        remedy = "Look at the workers' logs for why they died (often memory), then try again."
        DBOS.run_step({"name": "fail"}, lambda: _work().fail(scan, problem, remedy))
        return
    if finished:
        DBOS.run_step({"name": "conclude"}, lambda: _work().conclude(scan))


def _all_shards(scan: str, shards: int) -> bool:
    """Put all shards in their own queue and wait for them; False when the scan is over before they are done.

    Raises what the library raises when a shard was given up.
    """
    handles = []
    for number in range(shards):
        with SetWorkflowID(names.shard_workflow(scan, number)):
            handles.append(DBOS.enqueue_workflow(names.SHARDS_QUEUE, scan_shard, scan, number))
    for number, handle in enumerate(handles):
        if not handle.get_result(polling_interval_sec=WAIT_SECONDS):
            # Taking each of the others out of the queue to find that nobody wants it would take a while.
            DBOS.cancel_workflows([names.shard_workflow(scan, after) for after in range(number + 1, shards)])
            return False
    return True


@DBOS.workflow(name=names.SHARD, max_recovery_attempts=RECOVERIES)
def scan_shard(scan: str, number: int) -> bool:
    """Scan one shard; any worker may take it. False when the scan is over: cancelled, or failed."""
    return DBOS.run_step({"name": "shard"}, lambda: _work().shard(scan, number))


@DBOS.workflow(name=names.PREPARE, max_recovery_attempts=RECOVERIES)
def prepare_model(name: str, attempt: int) -> None:  # noqa: ARG001 - part of the workflow's identity
    """Get a model ready before anyone asks it."""
    DBOS.run_step({"name": "prepare"}, lambda: _work().prepare(name))


@DBOS.workflow(name=names.INDEX, max_recovery_attempts=RECOVERIES)
def make_index(model: str, corpus: str, attempt: int) -> None:  # noqa: ARG001 - part of the workflow's identity
    """Make a gradient index before anyone asks for it."""
    DBOS.run_step({"name": "index"}, lambda: _work().index(model, corpus))


@DBOS.workflow(name=names.CHECK, max_recovery_attempts=RECOVERIES)
def make_check(check_id: str, attempt: int) -> None:
    """Check a kept sequence of a run, and keep what came of it."""
    DBOS.run_step({"name": "check"}, lambda: _work().check(check_id, attempt))
