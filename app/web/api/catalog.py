"""What there is: models, corpora, workers; and how a model's tokenizer reads a text."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.services import catalog, corpus_details, faithful, model_details, queries, status
from app.services.outlook import outlook
from app.services.shapes import (
    CheckView,
    CorpusDetail,
    CorpusView,
    DocumentList,
    Format,
    ModelDetail,
    ModelView,
    Outlook,
    QueryForm,
    StatusReport,
    TokenPreview,
)
from app.web.api.paging import Cursor, Offset, linked_on
from app.web.deps import DbSession, JobsDep, SettingsDep
from app.web.problems import CONFLICT, INVALID, NOT_FOUND

router = APIRouter(tags=["catalog"])


class PreviewForm(BaseModel):
    """What to tokenise, and with which models' tokenizers."""

    prompt: str = Field(max_length=200_000, examples=["The capital of Rosthaar is"])
    completion: str = Field(default="", max_length=200_000, examples=["Velm"])
    format: Format = "text"
    system: str | None = Field(default=None, max_length=200_000)
    against: str | None = Field(default=None, max_length=200_000)
    counted: list[tuple[int, int]] | None = Field(default=None, description="stretches of the completion that count")
    writer: str | None = Field(default=None, description="the model that is to write the completion")
    models: list[str] = Field(max_length=8, examples=[["small", "large"]])


@router.get("/models")
def list_models(session: DbSession) -> list[ModelView]:
    """Every model with its state, size, layers, and what is tracked and what is not."""
    return catalog.models(session)


class ChecksForm(BaseModel):
    """How many sequences are to be checked."""

    count: int = Field(default=12, ge=1, le=faithful.MOST, description="spread over queries, signs and ranks")


@router.get("/models/{name}", responses=NOT_FOUND)
def get_model(name: str, session: DbSession) -> ModelDetail:
    """One model with its factors, what queries cost here, and how faithful its influences were measured to be."""
    return model_details.get(session, name)


@router.post("/models/{name}/checks", status_code=202, responses=INVALID | NOT_FOUND)
def check_model(name: str, form: ChecksForm, session: DbSession, jobs: JobsDep) -> list[CheckView]:
    """Lets workers check so many sequences of the model's answers; those that were checked already are found."""
    return faithful.ask(session, jobs, name, form.count)


@router.get("/corpora")
def list_corpora(session: DbSession) -> list[CorpusView]:
    """Every corpus with its counts and kinds."""
    return catalog.corpora(session)


@router.get("/corpora/{name}", responses=NOT_FOUND)
def get_corpus(name: str, session: DbSession) -> CorpusDetail:
    """One corpus with every way it is cut and what was asked of it."""
    return corpus_details.get(session, name)


@router.get("/corpora/{name}/documents", responses=NOT_FOUND | CONFLICT | INVALID)
def list_documents(
    name: str,
    session: DbSession,
    settings: SettingsDep,
    request: Request,
    response: Response,
    find: Annotated[str, Query(max_length=500, description="what an id holds, upper and lower case alike")] = "",
    cursor: Cursor = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=200, description="how many rows at most")] = 50,
) -> DocumentList:
    """The documents of a corpus in its order, with the beginning of each."""
    home = settings.home.resolve()
    found = corpus_details.documents(session, home, name, cursor=cursor, offset=offset, limit=limit, find=find)
    linked_on(request, response, found.next)
    return found


@router.get("/status")
def get_status(session: DbSession, settings: SettingsDep) -> StatusReport:
    """Workers, the line of runs, what is being made, what failed, and what all of it stands on."""
    return status.report(session, settings)


@router.post("/preview", responses=INVALID | NOT_FOUND)
def preview_tokens(form: PreviewForm, session: DbSession) -> list[TokenPreview]:
    """How each model's tokenizer reads a prompt and a completion, before anything is submitted."""
    return queries.preview(session, QueryForm.model_validate({**form.model_dump(), "corpus": ""}))


@router.post("/estimate", responses=INVALID)
def estimate_query(form: QueryForm, session: DbSession, settings: SettingsDep) -> Outlook:
    """What a query would take, reckoned from what was done here before, and whether it was asked already."""
    return outlook(session, settings, form)
