"""Files of a query's results: lists, one HTML file that opens offline, the grid of a sequence, charts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from app.services import queries, results, units
from app.services.shapes import InfluencePage, ListChoice, QueryView, Sign
from app.web import words
from app.web.chart_files import chart_file
from app.web.choosing import ListChosen
from app.web.deps import DbSession
from app.web.exports import influences_csv, influences_parquet, sequence_csv
from app.web.listed import PAGE
from app.web.pages.query import choose_known, show_query
from app.web.pages.sequence import SequenceId, grid, show_sequence
from app.web.result_files import result_file, sequence_file
from app.web.taking_files import influences_jsonl

router = APIRouter(prefix="/queries/{query_id}")
# No list is longer: the candidates of a query.
LONGEST = 2_000
RunId = Annotated[str, Query(description="the run's id")]
PageNumber = Annotated[int | None, Query(ge=1, le=1_000_000, description="only the rows of that page")]


def _rows(
    query_id: str, session: DbSession, choice: ListChosen, run: RunId, sign: Sign = "positive", page: PageNumber = None
) -> InfluencePage:
    """The rows of a list that a file holds: those of one page, or all, in the order of the page."""
    choose_known(queries.get(session, query_id), run)
    offset, limit = (0, LONGEST) if page is None else ((page - 1) * PAGE, PAGE)
    return results.influences(session, run, sign, offset, limit, choice)


Rows = Annotated[InfluencePage, Depends(_rows)]


@router.get("/influences.csv")
def query_csv(rows: Rows) -> Response:
    """The rows of a list, one column a layer."""
    return influences_csv(rows)


@router.get("/influences.jsonl")
def query_jsonl(rows: Rows) -> Response:
    """The rows of a list as JSON lines, with every token's and layer's influence."""
    return influences_jsonl(rows)


@router.get("/influences.parquet")
def query_parquet(rows: Rows) -> Response:
    """The same rows as Parquet."""
    return influences_parquet(rows)


@router.get("/result.html")
def query_html(request: Request, query_id: str, session: DbSession, rows: Rows, page: PageNumber = None) -> Response:
    """A run's list with its distribution, layers and provenance in one HTML file that opens offline."""
    query = queries.get(session, query_id)
    return result_file(session, _server(request), query, rows, _told(rows, page))


def _server(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _told(rows: InfluencePage, page: int | None) -> str:
    """Which rows a file holds."""
    whole = page is None or len(rows.rows) == rows.total
    part = "All" if whole else f"{words.count(len(rows.rows))} of"
    kept = "" if rows.total == rows.kept else f" of {words.count(rows.kept)} kept"
    return f"{part} {words.plural(rows.total, 'sequence')}{kept}{_chosen(rows.choice)}."


def _chosen(choice: ListChoice) -> str:
    told = [f"whose text holds “{choice.find}”"] if choice.find else []
    told += [f"of kind {choice.kind}"] if choice.kind else []
    told += ["without those that may be spurious"] if choice.hide else []
    told += ["with duplicates folded"] if choice.group else []
    told += [] if choice.sort == "influence" else [f"sorted by {choice.sort}"]
    return "" if not told else ", " + ", ".join(told)


@router.get("/sequences/{sequence_id}.csv")
def grid_csv(query_id: str, sequence_id: SequenceId, session: DbSession, run: RunId) -> Response:
    """A sequence's influence by token and layer: one token a row, one column a layer."""
    choose_known(queries.get(session, query_id), run)
    return sequence_csv(results.influence(session, run, sequence_id))


@router.get("/sequences/{sequence_id}.html")
def sequence_html(request: Request, query_id: str, sequence_id: SequenceId, session: DbSession, run: RunId) -> Response:
    """A sequence with its tokens, grid and provenance in one HTML file that opens offline."""
    query: QueryView = queries.get(session, query_id)
    choose_known(query, run)
    return _sequence(session, _server(request), query, run, sequence_id)


def _sequence(session: Session, server: str, query: QueryView, run: str, sequence_id: int) -> Response:
    detail = results.influence(session, run, sequence_id)
    rows = grid(detail, units.unit(detail.training_sequences))
    return sequence_file(server, query, results.run(session, run), detail, rows)


@router.get("/charts/{name}.svg")
def query_chart(name: str, page: Annotated[Response, Depends(show_query)]) -> Response:
    """A chart of a query's page by itself; the rest of the address is the page's."""
    return chart_file(page, name)


@router.get("/sequences/{sequence_id}/charts/{name}.svg")
def sequence_chart(name: str, page: Annotated[Response, Depends(show_sequence)]) -> Response:
    """A chart of a sequence's page by itself."""
    return chart_file(page, name)
