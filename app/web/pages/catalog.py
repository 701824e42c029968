"""`/models`, `/corpora`, `/status`: small pages that say what there is."""

from fastapi import APIRouter, Request, Response

from app.services import catalog
from app.services.shapes import CorpusView, ModelView, Status
from app.web.context import CorporaPage, ModelsPage, StatusPage
from app.web.deps import DbSession
from app.web.rendering import render

router = APIRouter()


@router.get("/models")
def show_models(request: Request, session: DbSession) -> Response:
    """Every model, what of it is tracked, and how much of the planted facts it recalls."""
    return render(request, "models.html", ModelsPage(tuple(catalog.models(session))))


@router.get("/models.json")
def models_json(session: DbSession) -> list[ModelView]:
    """The models as `GET /api/v1/models` gives them."""
    return catalog.models(session)


@router.get("/corpora")
def show_corpora(request: Request, session: DbSession) -> Response:
    """Every corpus with its counts and kinds."""
    return render(request, "corpora.html", CorporaPage(tuple(catalog.corpora(session))))


@router.get("/corpora.json")
def corpora_json(session: DbSession) -> list[CorpusView]:
    """The corpora as `GET /api/v1/corpora` gives them."""
    return catalog.corpora(session)


@router.get("/status")
def show_status(request: Request, session: DbSession) -> Response:
    """Workers, models, corpora, and what waits and runs."""
    return render(request, "status.html", StatusPage(catalog.status(session)))


@router.get("/status.json")
def status_json(session: DbSession) -> Status:
    """The status as `GET /api/v1/status` gives it."""
    return catalog.status(session)
