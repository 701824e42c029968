"""Versions of a text: edited on the page of a sequence or beside other candidates, and scored as a query."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from starlette.responses import RedirectResponse

from app.services import candidate_results, queries, versions
from app.services.errors import InvalidInput
from app.services.shapes import Submitted
from app.web.context import FormError
from app.web.deps import DbSession, JobsDep, SettingsDep
from app.web.exports import candidates_csv
from app.web.filled import newlines
from app.web.pages.query import Draft, candidates_page, choose_known
from app.web.pages.sequence import choose, edited_page
from app.web.rendering import render
from app.web.sequence_view import SequenceChoice

router = APIRouter(prefix="/queries/{query_id}")
Text = Annotated[str, Form()]


def _told(error: InvalidInput) -> FormError:
    return FormError("text", error.problem, error.remedy)


def _to(asked: Submitted) -> Response:
    return RedirectResponse(asked.url, status_code=303)


@router.post("/candidates")
def add_version(
    request: Request, query_id: str, session: DbSession, jobs: JobsDep, run: str, text: Text = ""
) -> Response:
    """Asks the run's question of its candidates and one more, and goes to that query."""
    try:
        return _to(versions.add_version(session, jobs, query_id, run, newlines(text)))
    except InvalidInput as error:
        session.rollback()
        page = candidates_page(session, query_id, run, Draft(newlines(text), _told(error)))
        return render(request, "query.html", page, 422)


@router.post("/sequences/{sequence_id}/edits")
def edit_sequence(
    request: Request,
    session: DbSession,
    jobs: JobsDep,
    settings: SettingsDep,
    choice: Annotated[SequenceChoice, Depends(choose)],
    text: Text = "",
) -> Response:
    """Asks the run's question of a sequence and an edited version of it, and goes to that query."""
    try:
        return _to(
            versions.edit_sequence(session, jobs, choice.query_id, choice.run, choice.sequence_id, newlines(text))
        )
    except InvalidInput as error:
        session.rollback()
        page = edited_page(session, settings.home.resolve(), choice, newlines(text), _told(error))
        return render(request, "sequence.html", page, 422)


@router.get("/candidates.csv")
def candidates_as_csv(query_id: str, session: DbSession, run: str, reference: int = 1) -> Response:
    """All candidates of a run in their order, one a row."""
    choose_known(queries.get(session, query_id), run)
    return candidates_csv(candidate_results.in_order(session, run, reference))
