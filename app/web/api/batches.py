"""Many queries at once: check a file, ask it, watch it, stop it, try again."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.services import batch_views, batches
from app.services.shapes import BatchCheck, BatchForm, BatchList, BatchSubmitted, BatchSummary, BatchView
from app.web.api.paging import Cursor, linked_on
from app.web.deps import DbSession, JobsDep
from app.web.problems import INVALID, NOT_FOUND

router = APIRouter(prefix="/batches", tags=["batches"])


@router.post("/check", responses=INVALID)
def check_batch(form: BatchForm, session: DbSession) -> BatchCheck:
    """What a file of queries would ask, and every fault of its rows; nothing is stored."""
    return batches.check(session, form)


@router.post("", status_code=202, responses=INVALID)
def submit_batch(form: BatchForm, session: DbSession, jobs: JobsDep) -> BatchSubmitted:
    """Asks all queries of a file, or of rows; none where one row is wrong, unless wrong ones are left out."""
    return batches.submit(session, jobs, form)


@router.get("", responses=INVALID)
def list_batches(
    request: Request,
    session: DbSession,
    response: Response,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200, description="how many at most")] = 50,
) -> BatchList:
    """Batches, the newest first."""
    found = batch_views.listed(session, cursor=cursor, limit=limit)
    linked_on(request, response, found.next)
    return found


@router.get("/{batch_id}", responses=NOT_FOUND | INVALID)
def get_batch(
    request: Request,
    batch_id: str,
    session: DbSession,
    response: Response,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="how many queries at most")] = 50,
    top: Annotated[int, Query(ge=0, le=20, description="how many sequences of each run")] = 3,
) -> BatchView:
    """A batch: its runs by state, and its queries with each model's log p and heaviest sequences."""
    found = batch_views.view(session, batch_id, cursor=cursor, limit=limit, top=top)
    linked_on(request, response, found.next)
    return found


@router.post("/{batch_id}/cancel", responses=NOT_FOUND)
def cancel_batch(batch_id: str, session: DbSession) -> BatchSummary:
    """Stops every run of the batch that has not ended."""
    batches.cancel(session, batch_id)
    return batch_views.summary(session, batches.find(session, batch_id))


@router.post("/{batch_id}/retry", responses=NOT_FOUND)
def retry_batch(batch_id: str, session: DbSession, jobs: JobsDep) -> BatchSummary:
    """Starts every run of the batch again that failed or was cancelled."""
    batches.retry(session, jobs, batch_id)
    return batch_views.summary(session, batches.find(session, batch_id))
