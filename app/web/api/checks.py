"""Checks of kept sequences: ask for one, look at it, stop it, try it again."""

from fastapi import APIRouter

from app.services import checks, results
from app.services.shapes import CheckForm, CheckView
from app.web.api.runs import SequenceId
from app.web.deps import DbSession, JobsDep
from app.web.problems import CONFLICT, INVALID, NOT_FOUND

router = APIRouter(tags=["checks"])
OF_SEQUENCE = "/runs/{run_id}/influences/{sequence_id}/checks"


@router.post(OF_SEQUENCE, status_code=202, responses=NOT_FOUND | CONFLICT | INVALID)
def ask_check(run_id: str, sequence_id: SequenceId, form: CheckForm, session: DbSession, jobs: JobsDep) -> CheckView:
    """Lets a worker check a kept sequence; the same check is found, not made again, unless it failed."""
    return checks.ask(session, jobs, run_id, sequence_id, form.kind)


@router.get(OF_SEQUENCE, responses=NOT_FOUND)
def list_checks(run_id: str, sequence_id: SequenceId, session: DbSession) -> list[CheckView]:
    """The checks of a sequence of a run, one a kind at most, in the order they were asked for."""
    return checks.of_run_sequence(session, results.find_run(session, run_id).id, sequence_id)


@router.get("/checks/{check_id}", responses=NOT_FOUND)
def get_check(check_id: str, session: DbSession) -> CheckView:
    """A check: how it stands, and its result once it is done."""
    return checks.get(session, check_id)


@router.post("/checks/{check_id}/cancel", responses=NOT_FOUND | CONFLICT)
def cancel_check(check_id: str, session: DbSession, jobs: JobsDep) -> CheckView:
    """Stops a check that has not ended."""
    return checks.cancel(session, jobs, check_id)


@router.post("/checks/{check_id}/retry", responses=NOT_FOUND | CONFLICT)
def retry_check(check_id: str, session: DbSession, jobs: JobsDep) -> CheckView:
    """Starts a failed or cancelled check again."""
    return checks.retry(session, jobs, check_id)
