"""`/` the gallery, and `/queries` the list of all queries."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from app.services import catalog, first_lines, queries, query_list
from app.services.errors import InvalidInput
from app.services.first_lines import FirstLine
from app.services.query_list import Narrowing
from app.services.shapes import QueryList, QuerySummary, RunState
from app.web import tokens
from app.web.context import AnswerLine, Entry, Filter, GalleryPage, QueriesPage, QueryGroup
from app.web.deps import DbSession
from app.web.exports import csv_response
from app.web.rendering import render
from app.web.views import address, sequence_url

router = APIRouter()
RECENT = 6
PAGE = 50
ANSWER_TOKENS = 20
STATES: tuple[RunState, ...] = ("queued", "running", "done", "failed", "cancelled")
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
Choice = Annotated[str, Query(max_length=500)]


def narrowing(
    find: Choice = "",
    model: Choice = "",
    corpus: Choice = "",
    state: Choice = "",
    kind: Choice = "",
    batch: Choice = "",
) -> Narrowing:
    """The choices of an address; what a form left empty narrows nothing. Raises InvalidInput for an unknown state."""
    chosen = next((known for known in STATES if known == state), None)
    if state and chosen is None:
        raise InvalidInput(f"{state!r} is no state of a run.", f"Choose one of: {', '.join(STATES)}.", "state")
    return Narrowing(
        find=find.strip() or None,
        model=model or None,
        corpus=corpus or None,
        state=chosen,
        kind=kind or None,
        batch=batch or None,
    )


Narrowed = Annotated[Narrowing, Depends(narrowing)]


def entries(session: Session, summaries: Sequence[QuerySummary]) -> list[Entry]:
    """The queries with the first lines of their answers."""
    found = first_lines.of_queries(session, [one.id for one in summaries])
    return [Entry(one, _answer(found[one.id]) if one.id in found else None) for one in summaries]


def _answer(line: FirstLine) -> AnswerLine:
    return AnswerLine(
        model=line.model,
        url=sequence_url(line.query, line.sequence_id, line.run),
        snippet=tokens.snippet(line.tokens, line.token_influences, size=ANSWER_TOKENS),
        value=line.unit.of(line.influence),
        unit=line.unit,
        document=line.document,
    )


def grouped(found: Sequence[Entry]) -> tuple[QueryGroup, ...]:
    """Queries by kind, kinds in the order they first appear."""
    kinds: dict[str, list[Entry]] = {}
    for entry in found:
        kinds.setdefault(entry.query.kind or query_list.OTHER_KIND, []).append(entry)
    return tuple(QueryGroup(kind, tuple(members)) for kind, members in kinds.items())


@router.get("/")
def show_gallery(request: Request, session: DbSession) -> Response:
    """Curated queries by kind, then the newest others."""
    curated = queries.recent(session, curated=True, limit=200)
    recent = queries.recent(session, curated=False, limit=RECENT + 1)
    page = GalleryPage(
        grouped(entries(session, curated)), tuple(entries(session, recent[:RECENT])), more=len(recent) > RECENT
    )
    return render(request, "gallery.html", page)


@router.get("/queries")
def show_queries(request: Request, session: DbSession, chosen: Narrowed, offset: Offset = 0) -> Response:
    """All queries, newest first, or those that the address narrows the list to."""
    found = query_list.page(session, chosen, offset=offset, limit=PAGE).rows
    kept: dict[str, Any] = {name: value for name, value in asdict(chosen).items() if value is not None}
    total = query_list.count(session, chosen)
    page = QueriesPage(
        tuple(entries(session, found)),
        find=chosen.find or "",
        filters=filters(session, chosen),
        narrowed=bool(kept),
        batch=chosen.batch,
        first=offset + 1,
        last=offset + len(found),
        total=total,
        previous=address("/queries", **kept, offset=offset - PAGE if offset > PAGE else None) if offset else None,
        next=address("/queries", **kept, offset=offset + PAGE) if offset + PAGE < total else None,
        twins=tuple(
            (name, address(f"/queries.{name.lower()}", **kept, offset=offset or None)) for name in ("JSON", "CSV")
        ),
    )
    return render(request, "queries.html", page)


def filters(session: Session, chosen: Narrowing) -> tuple[Filter, ...]:
    """The choices there are, those with a single value left out unless it is chosen."""
    known = {
        "model": ("Model", tuple(one.name for one in catalog.models(session)), chosen.model),
        "corpus": ("Corpus", tuple(one.name for one in catalog.corpora(session)), chosen.corpus),
        "state": ("State", STATES, chosen.state),
        "kind": ("Kind", tuple(query_list.kinds(session)), chosen.kind),
    }
    return tuple(
        Filter(name, label, values, value)
        for name, (label, values, value) in known.items()
        if len(values) > 1 or value is not None
    )


@router.get("/queries.json")
def queries_json(session: DbSession, chosen: Narrowed, offset: Offset = 0) -> QueryList:
    """The list as `GET /api/v1/queries` gives it."""
    return query_list.page(session, chosen, offset=offset, limit=PAGE)


@router.get("/queries.csv")
def queries_csv(session: DbSession, chosen: Narrowed, offset: Offset = 0) -> Response:
    """The list as rows."""
    found = query_list.page(session, chosen, offset=offset, limit=PAGE).rows
    names = ("id", "kind", "prompt", "completion", "corpus", "created_at", "curated")
    rows = [
        [*(getattr(item, name) for name in names), " ".join(f"{m}={s}" for m, s in item.states.items())]
        for item in found
    ]
    return csv_response("queries", [*names, "states"], rows)
