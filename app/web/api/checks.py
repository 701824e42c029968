"""Checks of kept sequences: ask for one, look at it, stop it, try it again."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.services import checks, results
from app.services.shapes import CheckForm, CheckView
from app.web import check_events, events
from app.web.api.runs import SequenceId
from app.web.api.watching import After, LastEventId
from app.web.deps import DbSession, JobsDep, SessionMaker
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


def _known(run_id: str, session: DbSession) -> str:
    """Refuses an unknown run before a stream begins: afterwards the status can no longer say so."""
    return results.find_run(session, run_id).id


@router.get(f"{OF_SEQUENCE}/events", response_class=EventSourceResponse, responses=NOT_FOUND)
async def watch_checks(
    run: Annotated[str, Depends(_known, scope="function")],
    sequence_id: SequenceId,
    sessions: SessionMaker,
    last_event_id: LastEventId = None,
    after: After = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: queued, running, done, failed, cancelled for each check, and end after the last.

    Resumable by Last-Event-ID. A comment is sent every 15 seconds of silence. Leaving cancels nothing.
    """
    async for event in events.stream(partial(check_events.read, sessions, run, sequence_id), last_event_id or after):
        yield event


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
