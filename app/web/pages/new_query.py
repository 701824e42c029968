"""`/queries/new`: the form, complete without JavaScript; errors stand beside their fields and input is kept."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.services import catalog, queries
from app.services.errors import InvalidInput, ServiceError
from app.services.shapes import QueryForm, TokenPreview
from app.settings import Settings
from app.web.context import FormError, NewQueryPage
from app.web.deps import DbSession, JobsDep, SettingsDep
from app.web.rendering import render

router = APIRouter()
EVERYTHING = "everything"
REMEDIES = {
    "keep": "Give a whole number from 1 to 500.",
    "models": "Choose at least one model.",
    "corpus": "Choose one of the corpora listed.",
    "scope": "Choose everything, lexical or indexed.",
}


class Filled:
    """The form as a person filled it in, unchecked, so that it can be shown again as it was."""

    def __init__(self, prompt: str, completion: str, models: list[str], corpus: str, keep: str, scope: str) -> None:
        self.prompt = newlines(prompt)
        self.completion = newlines(completion)
        self.models, self.corpus, self.keep, self.scope = models, corpus, keep, scope

    def checked(self) -> QueryForm:
        """The form's shape; pydantic's ValidationError where a field does not have it."""
        return QueryForm.model_validate(
            {
                "prompt": self.prompt,
                "completion": self.completion,
                "models": self.models,
                "corpus": self.corpus,
                "keep": self.keep,
                "scope": self.scope,
            }
        )


def newlines(text: str) -> str:
    """Line ends as the corpus has them: browsers send a text area's lines with carriage returns."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
        prompt=filled.prompt,
        completion=filled.completion,
        models=tuple(filled.models),
        corpus=filled.corpus,
        keep=filled.keep,
        scope=filled.scope,
        prefilter_sequences=settings.prefilter_sequences,
        choices=tuple(catalog.models(session)),
        corpora=tuple(catalog.corpora(session)),
        errors=errors,
        previews=previews,
    )


@router.get("/queries/new")
def show_form(
    request: Request,
    session: DbSession,
    settings: SettingsDep,
    prompt: str = "",
    completion: str = "",
    models: Annotated[list[str] | None, Query()] = None,
    corpus: str = "",
    keep: str = "50",
    scope: str = EVERYTHING,
    preview: bool = False,
) -> Response:
    """The form, filled in from the address; with `preview`, how each chosen model reads it."""
    chosen = models if models is not None else [model.name for model in catalog.models(session) if usable(model.state)]
    filled = Filled(prompt, completion, chosen, corpus, keep, scope)
    shown: tuple[TokenPreview, ...] = ()
    errors: tuple[FormError, ...] = ()
    if preview:
        try:
            shown = tuple(queries.preview(session, filled.prompt, filled.completion, chosen))
        except ServiceError as error:
            errors = (FormError(error.field or "models", error.problem, error.remedy),)
    return render(request, "new_query.html", page_of(session, settings, filled, errors, shown))


def usable(state: str) -> bool:
    """Whether a model in this state can be asked: one still being prepared can, its run waits."""
    return state != "failed"


@router.post("/queries")
def submit_form(
    request: Request,
    session: DbSession,
    jobs: JobsDep,
    settings: SettingsDep,
    prompt: Annotated[str, Form()] = "",
    completion: Annotated[str, Form()] = "",
    models: Annotated[list[str] | None, Form()] = None,
    corpus: Annotated[str, Form()] = "",
    keep: Annotated[str, Form()] = "50",
    scope: Annotated[str, Form()] = EVERYTHING,
) -> Response:
    """Submits the form and goes to the query's page, or shows the form again with what is wrong."""
    filled = Filled(prompt, completion, models or [], corpus, keep, scope)
    try:
        submitted = queries.submit(session, jobs, filled.checked())
    except ValidationError as error:
        errors = shape_errors(error)
    except InvalidInput as error:
        errors = (FormError(error.field or "", error.problem, error.remedy),)
    else:
        return RedirectResponse(submitted.url, status_code=303)
    return render(request, "new_query.html", page_of(session, settings, filled, errors), 422)
