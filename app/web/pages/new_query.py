"""`/queries/new`: the form, complete without JavaScript; errors stand beside their fields and input is kept."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse

from app.services import candidates, catalog, queries
from app.services.candidate_files import as_text, parse_file
from app.services.errors import InvalidInput, ServiceError
from app.services.outlook import outlook
from app.services.shapes import Candidate, Outlook, TokenPreview
from app.settings import Settings
from app.web.context import FormError, NewQueryPage, OutlookPage
from app.web.deps import DbSession, JobsDep, SettingsDep
from app.web.filled import Filled
from app.web.rendering import render

router = APIRouter()
REMEDIES = {
    "keep": "Give a whole number from 1 to 500.",
    "models": "Choose at least one model.",
    "corpus": "Choose one of the corpora listed.",
    "scope": "Choose everything, lexical, indexed or candidates.",
    "candidates": "Give at least one text.",
    "format": "Choose text or chat.",
    "writing": "Give 1 to 256 tokens, a temperature from 0 to 10, and a whole number as seed.",
    "settings": "Give a damping above 0, up to 1000, and a rank from 1 to 4096, or none.",
    "completions": "Give eight completions at most, the first included.",
}


def shape_errors(error: ValidationError) -> tuple[FormError, ...]:
    """Pydantic's findings as errors beside fields."""
    found = []
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else ""
        remedy = REMEDIES.get(name, "Correct it and send it again.")
        found.append(FormError(name, f"{item['msg']}.", remedy))
    return tuple(found)


def page_of(
    session: Session,
    settings: Settings,
    filled: Filled,
    errors: tuple[FormError, ...] = (),
    previews: tuple[TokenPreview, ...] = (),
) -> NewQueryPage:
    """The page for a form as filled in."""
    return NewQueryPage(
        filled=filled,
        prefilter_sequences=settings.prefilter_sequences,
        choices=tuple(catalog.models(session)),
        corpora=tuple(catalog.corpora(session)),
        errors=errors,
        previews=previews,
        outlook=_outlook(session, settings, filled),
    )


def _outlook(session: Session, settings: Settings, filled: Filled) -> Outlook | None:
    """What the form as it stands would take; None while it has no shape."""
    try:
        return outlook(session, settings, filled.checked())
    except (ValidationError, ServiceError):
        return None


async def _sent(request: Request) -> AsyncIterator[FormData]:
    # A file that was sent lies in a temporary file until it is closed.
    async with request.form() as form:
        yield form


@router.post("/queries/new/outlook")
def show_outlook(
    request: Request, session: DbSession, settings: SettingsDep, sent: Annotated[FormData, Depends(_sent)]
) -> Response:
    """The part of the form's page that tells what its query would take."""
    return render(request, "_outlook.html", OutlookPage(_outlook(session, settings, Filled.of(sent))))


@router.get("/queries/new")
def show_form(request: Request, session: DbSession, settings: SettingsDep, preview: bool = False) -> Response:
    """The form, filled in from the address; with `preview`, how each chosen model reads it."""
    filled = Filled.of(request.query_params)
    if not filled.chosen:
        usable_models = tuple(model.name for model in catalog.models(session) if usable(model.state))
        filled = replace(filled, models=usable_models)
    if not filled.corpus:
        # The first is what the form shows as chosen.
        filled = replace(filled, corpus=next((corpus.name for corpus in catalog.corpora(session)), ""))
    if "list" in request.query_params and not filled.candidates:
        filled = replace(filled, candidates=box_of(session, request.query_params["list"]))
    shown: tuple[TokenPreview, ...] = ()
    errors: tuple[FormError, ...] = ()
    if preview:
        try:
            shown = tuple(queries.preview(session, filled.checked()))
        except ValidationError as error:
            errors = shape_errors(error)
        except ServiceError as error:
            errors = (FormError(error.field or "models", error.problem, error.remedy),)
    return render(request, "new_query.html", page_of(session, settings, filled, errors, shown))


def box_of(session: Session, list_id: str) -> str:
    """A stored list of candidates as the box shows it; those that were not named themselves are not named here."""
    listed = candidates.read(session, list_id)
    numbered = [one.id == f"candidate {place}" for place, one in enumerate(listed, start=1)]
    return as_text(
        [Candidate(id=None if plain else one.id, text=one.text) for one, plain in zip(listed, numbered, strict=True)]
    )


def with_file(filled: Filled, sent: object) -> tuple[Filled, str | None]:
    """The form with the candidates of an uploaded file in their box, and the file's name. Raises: InvalidInput."""
    if not isinstance(sent, UploadFile) or not sent.filename or filled.scope != "candidates":
        return filled, None
    return replace(filled, candidates=as_text(parse_file(sent.filename, sent.file.read()))), sent.filename


def usable(state: str) -> bool:
    """Whether a model in this state can be asked: one still being prepared can, its run waits."""
    return state != "failed"


@router.post("/queries")
def submit_form(
    request: Request,
    session: DbSession,
    jobs: JobsDep,
    settings: SettingsDep,
    sent: Annotated[FormData, Depends(_sent)],
) -> Response:
    """Submits the form and goes to the query's page, or shows the form again with what is wrong."""
    filled = Filled.of(sent)
    try:
        filled, label = with_file(filled, sent.get("candidates_file"))
        submitted = queries.submit(session, jobs, filled.checked(), label=label)
    except ValidationError as error:
        errors = shape_errors(error)
    except InvalidInput as error:
        errors = (FormError(error.field or "", error.problem, error.remedy),)
    else:
        return RedirectResponse(submitted.url, status_code=303)
    return render(request, "new_query.html", page_of(session, settings, filled, errors), 422)
