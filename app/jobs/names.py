"""The words both sides of the queue agree on: queues, workflows, ids, and the pinned version."""

APPLICATION = "influence-explorer"
# Pinned, or every upgrade of the code would strand the jobs that wait. Raise it only when a workflow's steps
# change so that a half-done one cannot be continued.
VERSION = "1"

DEVICE_QUEUE = "device"
SHARDS_QUEUE = "shards"

RUN = "answer_run"
PREPARE = "prepare_model"
INDEX = "make_index"
CHECK = "make_check"
SHARD = "scan_shard"

URGENT, GALLERY = 1, 5


def run_workflow(run_id: str, attempt: int) -> str:
    """The workflow's id is the run's own; a repeated attempt is another workflow."""
    return run_id if attempt == 1 else f"{run_id}.{attempt}"


def preparation_workflow(model: str, attempt: int) -> str:
    """The id of the workflow that prepares a model."""
    return f"prepare:{model}.{attempt}"


def index_workflow(model: str, corpus: str, attempt: int) -> str:
    """The id of the workflow that makes the gradient index of a model over a corpus."""
    return f"index:{model}:{corpus}.{attempt}"


def check_workflow(check_id: str, attempt: int) -> str:
    """The id of the workflow that makes a check of a kept sequence."""
    return f"check:{check_id}.{attempt}"


def shard_workflow(scan_id: str, number: int) -> str:
    """The id of the workflow of one shard of a scan."""
    return f"{scan_id}:{number}"
