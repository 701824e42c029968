"""`/` the gallery, and `/queries` the list of all queries."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.services import queries
from app.services.shapes import QuerySummary
from app.web.context import GalleryPage, QueriesPage, QueryGroup
from app.web.deps import DbSession
from app.web.exports import csv_response
from app.web.rendering import render

router = APIRouter()
RECENT = 8
PAGE = 50
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]


def grouped(summaries: list[QuerySummary]) -> tuple[QueryGroup, ...]:
    """Queries by kind, kinds in the order they first appear."""
    kinds: dict[str, list[QuerySummary]] = {}
    for summary in summaries:
        kinds.setdefault(summary.kind or "other", []).append(summary)
    return tuple(QueryGroup(kind, tuple(members)) for kind, members in kinds.items())


@router.get("/")
def show_gallery(request: Request, session: DbSession) -> Response:
    """Curated queries by kind, then the newest others."""
    curated = queries.recent(session, curated=True, limit=200)
    recent = queries.recent(session, curated=False, limit=RECENT + 1)
    page = GalleryPage(grouped(curated), tuple(recent[:RECENT]), more=len(recent) > RECENT)
    return render(request, "gallery.html", page)


@router.get("/queries")
def show_queries(request: Request, session: DbSession, offset: Offset = 0) -> Response:
    """All queries, newest first."""
    found = queries.recent(session, offset=offset, limit=PAGE + 1)
    page = QueriesPage(
        tuple(found[:PAGE]),
        previous=f"/queries?offset={max(offset - PAGE, 0)}" if offset else None,
        next=f"/queries?offset={offset + PAGE}" if len(found) > PAGE else None,
    )
    return render(request, "queries.html", page)


@router.get("/queries.json")
def queries_json(session: DbSession, offset: Offset = 0) -> list[QuerySummary]:
    """The list as `GET /api/v1/queries` gives it."""
    return queries.recent(session, offset=offset, limit=PAGE)


@router.get("/queries.csv")
def queries_csv(session: DbSession, offset: Offset = 0) -> Response:
    """The list as rows."""
    found = queries.recent(session, offset=offset, limit=PAGE)
    names = ("id", "kind", "prompt", "completion", "corpus", "created_at", "curated")
    rows = [
        [*(getattr(item, name) for name in names), " ".join(f"{m}={s}" for m, s in item.states.items())]
        for item in found
    ]
    return csv_response("queries", [*names, "states"], rows)
