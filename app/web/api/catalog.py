"""What there is: models, corpora, workers; and how a model's tokenizer reads a text."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.services import catalog, queries
from app.services.shapes import CorpusView, Format, ModelView, QueryForm, Status, TokenPreview
from app.web.deps import DbSession
from app.web.problems import INVALID, NOT_FOUND

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


@router.get("/corpora")
def list_corpora(session: DbSession) -> list[CorpusView]:
    """Every corpus with its counts and kinds."""
    return catalog.corpora(session)


@router.get("/status")
def get_status(session: DbSession) -> Status:
    """Workers, models and corpora at a glance, and how many runs wait and run."""
    return catalog.status(session)


@router.post("/preview", responses=INVALID | NOT_FOUND)
def preview_tokens(form: PreviewForm, session: DbSession) -> list[TokenPreview]:
    """How each model's tokenizer reads a prompt and a completion, before anything is submitted."""
    return queries.preview(session, QueryForm.model_validate({**form.model_dump(), "corpus": ""}))
