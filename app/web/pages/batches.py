"""`/queries/batch` and `/batches`: many queries from a file, checked first, asked together, watched on one page."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, ImmutableMultiDict, UploadFile
from starlette.responses import RedirectResponse

from app.services import batch_files, batch_views, batches, catalog
from app.services.errors import InvalidInput
from app.services.shapes import BatchCheck, BatchQueryView, BatchRunView, BatchView, RunState
from app.services.shapes.batches import MOST_ROWS
from app.web.context import (
    BatchesPage,
    BatchFilled,
    BatchLine,
    BatchPage,
    BatchRunLine,
    FormError,
    NewBatchPage,
    Pager,
    Tab,
)
from app.web.deps import DbSession, JobsDep
from app.web.exports import batch_csv
from app.web.filled import newlines
from app.web.pages.new_query import usable
from app.web.rendering import render
from app.web.views import address, query_path, sequence_url

router = APIRouter()
PAGE = 50
TOP = 3
STATES: tuple[RunState, ...] = ("running", "queued", "done", "failed", "cancelled")
SINGLE = ("text", "label", "corpus", "scope", "keep", "damping", "rank")
EXAMPLES = (
    {"prompt": "The capital of France is", "completion": "Paris", "title": "A fact"},
    {"prompt": "La capitale de la France est", "completion": "Paris", "title": "The same in French"},
    {"prompt": "Two and two make", "completion": "four", "title": "A sum"},
)


def filled_of(given: ImmutableMultiDict[str, Any]) -> BatchFilled:
    """The form as an address or a body fills it in."""
    told: dict[str, Any] = {name: newlines(str(given[name])) for name in SINGLE if name in given}
    models = tuple(str(each) for each in given.getlist("models"))
    return BatchFilled(**told, models=models, leave_out="leave_out" in given)


def _page(
    session: Session, filled: BatchFilled, checked: BatchCheck | None = None, error: FormError | None = None
) -> NewBatchPage:
    return NewBatchPage(
        filled=filled,
        choices=tuple(catalog.models(session)),
        corpora=tuple(catalog.corpora(session)),
        most=MOST_ROWS,
        columns=batch_files.COLUMNS,
        checked=checked,
        error=error,
    )


@router.get("/queries/batch")
def show_form(request: Request, session: DbSession) -> Response:
    """The form; every usable model is chosen where the address names none."""
    filled = filled_of(request.query_params)
    if not filled.models:
        named = tuple(model.name for model in catalog.models(session) if usable(model.state))
        filled = BatchFilled(**{**vars(filled), "models": named})
    return render(request, "new_batch.html", _page(session, filled))


@router.get("/queries/batch/template.csv")
def template_csv() -> Response:
    """A file to begin with."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["title", "prompt", "completion"])
    writer.writeheader()
    writer.writerows(EXAMPLES)
    return _file("queries.csv", text.getvalue(), "text/csv; charset=utf-8")


@router.get("/queries/batch/template.jsonl")
def template_jsonl() -> Response:
    """The same as JSON lines."""
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in EXAMPLES)
    return _file("queries.jsonl", lines, "application/x-ndjson")


def _file(name: str, text: str, kind: str) -> Response:
    return Response(text, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


async def _sent(request: Request) -> AsyncIterator[FormData]:
    # A file that was sent lies in a temporary file until it is closed.
    async with request.form() as form:
        yield form


@router.post("/queries/batch")
def send_form(
    request: Request, session: DbSession, jobs: JobsDep, sent: Annotated[FormData, Depends(_sent)]
) -> Response:
    """Checks the file; asks it where that is wanted and nothing is wrong, and goes to the batch's page."""
    filled = filled_of(sent)
    try:
        filled = _with_file(filled, sent.get("file"))
        form = filled.form()
        checked = batches.check(session, form)
        if "ask" in sent and checked.right and (not checked.faults or filled.leave_out):
            return RedirectResponse(batches.submit(session, jobs, form).url, status_code=303)
    except InvalidInput as error:
        told = FormError(error.field or "text", error.problem, error.remedy)
        return render(request, "new_batch.html", _page(session, filled, error=told), 422)
    status = 422 if checked.faults else 200
    return render(request, "new_batch.html", _page(session, filled, checked), status)


def _with_file(filled: BatchFilled, sent: object) -> BatchFilled:
    """The form with the text of an uploaded file, and called after it. Raises: InvalidInput."""
    if not isinstance(sent, UploadFile) or not sent.filename:
        return filled
    text = newlines(batch_files.decoded(sent.filename, sent.file.read()))
    return BatchFilled(**{**vars(filled), "text": text, "label": filled.label or sent.filename})


@router.get("/batches")
def show_batches(request: Request, session: DbSession, cursor: str | None = None) -> Response:
    """Every batch, the newest first."""
    found = batch_views.listed(session, cursor=cursor, limit=PAGE)
    following = None if found.next is None else Tab("Older", address("/batches", cursor=found.next), current=False)
    return render(request, "batches.html", BatchesPage(tuple(found.rows), following))


@router.get("/batches/{batch_id}.json")
def batch_json(batch_id: str, session: DbSession) -> BatchView:
    """The whole batch, as `GET /api/v1/batches/{id}?limit=1000` gives it."""
    return batch_views.view(session, batch_id, limit=MOST_ROWS, top=TOP)


@router.get("/batches/{batch_id}.csv")
def batch_as_csv(batch_id: str, session: DbSession) -> Response:
    """One row a query and model, with its heaviest sequences."""
    return batch_csv(batch_views.view(session, batch_id, limit=10 * MOST_ROWS, top=TOP), TOP)


@router.get("/batches/{batch_id}")
def show_batch(
    request: Request, batch_id: str, session: DbSession, page: Annotated[int, Query(ge=1, le=1_000_000)] = 1
) -> Response:
    """How far the queries are, and what each found."""
    found = batch_views.view(session, batch_id, offset=(page - 1) * PAGE, limit=PAGE, top=1)
    first, path = found.offset, f"/batches/{batch_id}"
    shown = BatchPage(
        batch=found,
        lines=tuple(_line(one) for one in found.rows),
        pager=Pager(
            first=first + 1,
            last=first + len(found.rows),
            total=found.queries,
            previous=address(path, page=page - 1) if page > 1 else None,
            next=address(path, page=page + 1) if found.next else None,
        ),
        states=tuple((state, found.states[state]) for state in STATES if found.states.get(state)),
        csv=f"{path}.csv",
        json=f"{path}.json",
    )
    return render(request, "batch.html", shown)


def _line(query: BatchQueryView) -> BatchLine:
    done = [run.id for run in query.runs if run.state == "done"]
    compare = address("/compare", runs=",".join(done[-4:])) if len(done) > 1 else None
    return BatchLine(query, query_path(query.id), tuple(_run(query, run) for run in query.runs), compare)


def _run(query: BatchQueryView, run: BatchRunView) -> BatchRunLine:
    name = f"{run.model} · {run.settings.label}" if run.settings.label else run.model
    url = address(query_path(query.id), run=run.id)
    if not run.top:
        return BatchRunLine(run, name, url, None, None)
    first = run.top[0]
    value = first.influence if first.nats_per_copy is None else first.nats_per_copy
    return BatchRunLine(run, name, url, sequence_url(query.id, first.sequence_id, run.id), value)


@router.post("/batches/{batch_id}/cancel")
def cancel_batch(batch_id: str, session: DbSession) -> Response:
    """Cancels what has not ended, and goes back to the batch."""
    batches.cancel(session, batch_id)
    return RedirectResponse(f"/batches/{batch_id}", status_code=303)


@router.post("/batches/{batch_id}/retry")
def retry_batch(batch_id: str, session: DbSession, jobs: JobsDep) -> Response:
    """Tries what failed or was cancelled again, and goes back to the batch."""
    batches.retry(session, jobs, batch_id)
    return RedirectResponse(f"/batches/{batch_id}", status_code=303)
