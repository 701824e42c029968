"""Queries: submit, list, read, watch, cancel, try again."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.services import queries, query_list
from app.services.errors import Conflict
from app.services.query_list import Narrowing
from app.services.shapes import QueryForm, QueryList, QueryView, RunState, Submitted
from app.web import events, query_events
from app.web.api.paging import Cursor, linked_on
from app.web.api.watching import After, LastEventId
from app.web.deps import DbSession, JobsDep, SessionMaker
from app.web.problems import CONFLICT, INVALID, NOT_FOUND

router = APIRouter(prefix="/queries", tags=["queries"])
RunChoice = Annotated[str | None, Query(description="one run's id; every run that this can apply to when left out")]


@router.post("", status_code=202, responses=INVALID | NOT_FOUND)
def submit_query(form: QueryForm, session: DbSession, jobs: JobsDep) -> Submitted:
    """Asks which sequences influence a completion; the same question asked again is found, not computed again."""
    return queries.submit(session, jobs, form)


@router.get("", responses=INVALID)
def list_queries(
    session: DbSession,
    request: Request,
    response: Response,
    curated: Annotated[bool | None, Query(description="only the gallery's, or only the others")] = None,
    find: Annotated[
        str | None, Query(max_length=500, description="what prompt, completion, title or note holds")
    ] = None,
    model: Annotated[str | None, Query(description="only queries that this model was asked")] = None,
    corpus: Annotated[str | None, Query(description="only queries of this corpus")] = None,
    state: Annotated[RunState | None, Query(description="only those with a run in this state (of `model`)")] = None,
    kind: Annotated[str | None, Query(description='only of this kind; "other": those that have none')] = None,
    batch: Annotated[str | None, Query(description="only those that this batch asked")] = None,
    cursor: Cursor = None,
    offset: Annotated[int, Query(ge=0, le=1_000_000_000, description="how many to pass over, without a cursor")] = 0,
    limit: Annotated[int, Query(ge=1, le=200, description="how many at most")] = 50,
) -> QueryList:
    """Queries, newest first; those alone for which all that is told holds."""
    chosen = Narrowing(curated, find or None, model, corpus, state, kind, batch)
    found = query_list.page(session, chosen, cursor=cursor, offset=offset, limit=limit)
    linked_on(request, response, found.next)
    return found


@router.get("/{query_id}", responses=NOT_FOUND)
def get_query(query_id: str, session: DbSession) -> QueryView:
    """A query with its runs and their progress."""
    return queries.get(session, query_id)


def _known(query_id: str, session: DbSession) -> str:
    """Refuses an unknown query before a stream begins: afterwards the status can no longer say so."""
    return queries.get(session, query_id).id


@router.get("/{query_id}/events", response_class=EventSourceResponse, responses=NOT_FOUND)
async def watch_query(
    query: Annotated[str, Depends(_known, scope="function")],
    sessions: SessionMaker,
    last_event_id: LastEventId = None,
    after: After = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: queued, running, partial, done, failed, cancelled for each run, and end after the last.

    Resumable by Last-Event-ID. A comment is sent every 15 seconds of silence. Leaving cancels nothing.
    """
    async for event in events.stream(partial(query_events.read, sessions, query), last_event_id or after):
        yield event


@router.post("/{query_id}/cancel", responses=NOT_FOUND | CONFLICT)
def cancel_query(query_id: str, session: DbSession, jobs: JobsDep, run: RunChoice = None) -> QueryView:
    """Stops a run, or every run of the query that has not ended."""
    return queries.cancel(session, jobs, query_id, run)


@router.post("/{query_id}/retry", responses=NOT_FOUND | CONFLICT)
def retry_query(query_id: str, session: DbSession, jobs: JobsDep, run: RunChoice = None) -> QueryView:
    """Starts a failed or cancelled run again, or every such run of the query."""
    view = queries.get(session, query_id)
    chosen = [run] if run else [item.id for item in view.runs if item.state in ("failed", "cancelled")]
    if not chosen:
        raise Conflict(f"Query {query_id} has no run that failed or was cancelled.", "Nothing needs to be tried again.")
    for run_id in chosen:
        view = queries.retry(session, jobs, query_id, run_id)
    return view
