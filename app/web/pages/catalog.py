"""`/models`, `/corpora`, `/status`: what there is, one of it, and how everything stands."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.services import catalog, corpus_details, faithful, model_details, status
from app.services.errors import Conflict
from app.services.shapes import (
    CorpusDetail,
    CorpusView,
    DocumentList,
    Faithfulness,
    ModelDetail,
    ModelView,
    Problem,
    StatusReport,
    StudyPoints,
    StudyScatter,
)
from app.web import plots, words
from app.web.api.paging import Cursor
from app.web.context import (
    CorporaPage,
    CorpusPage,
    DocumentRow,
    DocumentsView,
    KindBar,
    ModelLine,
    ModelPage,
    ModelsPage,
    Pager,
    StatusPage,
)
from app.web.deps import DbSession, JobsDep, SettingsDep
from app.web.rendering import render
from app.web.views import address, document_url

router = APIRouter()
MOST_KINDS = 12
PAGE = 50
Find = Annotated[str, Query(max_length=500)]


@router.get("/models")
def show_models(request: Request, session: DbSession) -> Response:
    """Every model, a line each."""
    lines = tuple(_line(session, one) for one in catalog.models(session))
    return render(request, "models.html", ModelsPage(lines))


def _line(session: Session, model: ModelView) -> ModelLine:
    fitted, found = model_details.factors(session, model.name), faithful.of_model(session, model.name)
    return ModelLine(model, fitted[0] if fitted else None, found.pearson, found.checks)


@router.get("/models.json")
def models_json(session: DbSession) -> list[ModelView]:
    """The models as `GET /api/v1/models` gives them."""
    return catalog.models(session)


@router.get("/models/{name}.json")
def model_json(name: str, session: DbSession) -> ModelDetail:
    """A model as `GET /api/v1/models/{name}` gives it."""
    return model_details.get(session, name)


@router.get("/models/{name}")
def show_model(request: Request, name: str, session: DbSession, asked: int | None = None) -> Response:
    """One model with its factors, its costs, and what was measured of its influences."""
    model = model_details.get(session, name)
    return render(request, "model.html", ModelPage(model, _scatter(model.faithfulness), asked))


@router.post("/models/{name}/checks")
def check_model(name: str, session: DbSession, jobs: JobsDep, count: Annotated[int, Form()] = 12) -> Response:
    """Let workers check some sequences of the model's answers, and go back to its page."""
    found = faithful.ask(session, jobs, name, count)
    return RedirectResponse(f"/models/{quote(name)}?asked={len(found)}#faithful", 303)


def _scatter(found: Faithfulness) -> plots.ScatterPlot | None:
    if not found.pairs:
        return None
    series = []
    for change, told in (("added", "a copy added"), ("removed", "a copy taken away")):
        pairs = [pair for pair in found.pairs if pair.change == change]
        labels = [f"sequence {pair.sequence_id} of query {pair.query}" for pair in pairs]
        points: dict[str, Any] = {"x": [pair.predicted for pair in pairs], "y": [pair.measured for pair in pairs]}
        series += [StudyPoints(name=told, labels=labels, **points)] if pairs else []
    return plots.scatter(
        StudyScatter(
            name="predicted-measured",
            title="Predicted and measured change of log p",
            x="predicted by influence, nats",
            y="measured, nats",
            series=series,
            note="On the diagonal what is predicted is what is measured.",
        )
    )


@router.get("/corpora")
def show_corpora(request: Request, session: DbSession) -> Response:
    """Every corpus with its counts and kinds."""
    return render(request, "corpora.html", CorporaPage(tuple(catalog.corpora(session))))


@router.get("/corpora.json")
def corpora_json(session: DbSession) -> list[CorpusView]:
    """The corpora as `GET /api/v1/corpora` gives them."""
    return catalog.corpora(session)


@router.get("/corpora/{name}.json")
def corpus_json(name: str, session: DbSession) -> CorpusDetail:
    """A corpus as `GET /api/v1/corpora/{name}` gives it."""
    return corpus_details.get(session, name)


@router.get("/corpora/{name}/documents.json")
def documents_json(
    name: str, session: DbSession, settings: SettingsDep, find: Find = "", cursor: Cursor = None
) -> DocumentList:
    """A page of its documents as `GET /api/v1/corpora/{name}/documents` gives it."""
    return corpus_details.documents(session, settings.home.resolve(), name, cursor=cursor, limit=PAGE, find=find)


@router.get("/corpora/{name}")
def show_corpus(
    request: Request, name: str, session: DbSession, settings: SettingsDep, find: Find = "", cursor: Cursor = None
) -> Response:
    """One corpus, with a page of its documents."""
    corpus = corpus_details.get(session, name)
    listed = _documents(session, settings.home.resolve(), name, find.strip(), cursor)
    return render(request, "corpus.html", CorpusPage(corpus, kind_bars(corpus.kinds), listed))


def _documents(session: Session, home: Path, name: str, find: str, cursor: str | None) -> DocumentsView:
    """Its documents, or why they cannot be read: the rest of the page is there all the same."""
    try:
        found = corpus_details.documents(session, home, name, cursor=cursor, limit=PAGE, find=find)
    except Conflict as error:
        return DocumentsView((), find, None, Problem(problem=error.problem, remedy=error.remedy))
    rows = tuple(DocumentRow(one, document_url(name, one.id)) for one in found.rows)

    def at(place: str | None) -> str | None:
        return place and f"{address(f'/corpora/{quote(name)}', find=find or None, cursor=place)}#documents"

    pager = Pager(
        first=found.offset + 1,
        last=found.offset + len(rows),
        total=found.total,
        previous=at(found.previous),
        next=at(found.next),
    )
    return DocumentsView(rows, find, pager, None)


def kind_bars(kinds: dict[str, int]) -> tuple[KindBar, ...]:
    """The commonest kinds with bars; beyond a dozen the others are counted together."""
    ordered = sorted(kinds.items(), key=lambda one: -one[1])
    shown, rest = ordered[:MOST_KINDS], sum(number for _, number in ordered[MOST_KINDS:])
    most = max((number for _, number in shown), default=0) or 1
    bars = [KindBar(name, number, round(100 * number / most, 1)) for name, number in shown]
    if rest:
        bars.append(KindBar(f"{len(ordered) - MOST_KINDS} other kinds", rest, round(min(100 * rest / most, 100), 1)))
    return tuple(bars)


@router.get("/status")
def show_status(request: Request, session: DbSession, settings: SettingsDep) -> Response:
    """Workers, the line, what is being made and what failed."""
    page = StatusPage(status.report(session, settings), words.moment(datetime.now(UTC)))
    return render(request, "status.html", page)


@router.get("/status.json")
def status_json(session: DbSession, settings: SettingsDep) -> StatusReport:
    """The status as `GET /api/v1/status` gives it."""
    return status.report(session, settings)
