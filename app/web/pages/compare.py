"""`/compare?runs=a,b`: two to four lists side by side; without runs, a chooser."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.services import comparison, queries
from app.services.shapes import ComparedRun, Comparison, Sign
from app.web import charts, words
from app.web.api.runs import run_ids
from app.web.context import Column, ComparePage, JoinedRow, Pair, Tab
from app.web.deps import DbSession
from app.web.exports import comparison_csv
from app.web.rendering import render
from app.web.views import address, list_rows, profile_view, query_path, sequence_url

router = APIRouter(prefix="/compare")
CARD_STEP = 112
GUTTER = 56
LIMIT = 50
Show = Literal["10", "50"]
RunsText = Annotated[str, Query(description="run ids, separated by commas")]


def _columns(found: Comparison, show: int) -> tuple[Column, ...]:
    shown = [[row.sequence_id for row in run.rows[:show]] for run in found.runs]
    columns = []
    for index, run in enumerate(found.runs):
        last = index + 1 == len(found.runs)
        columns.append(
            Column(
                run=run,
                url=address(query_path(run.query), model=run.model, sign=found.sign),
                rows=list_rows(run.rows[:show], run.layers, run.query, run.run),
                profile=profile_view(run.layer_profile, run.layers),
                links=() if last else charts.links(shown[index], shown[index + 1], CARD_STEP, GUTTER),
                height=CARD_STEP * max((len(ids) for ids in shown), default=0),
                elsewhere={sequence: _elsewhere(found, run, sequence) for sequence in shown[index]},
            )
        )
    return tuple(columns)


def _elsewhere(found: Comparison, run: ComparedRun, sequence_id: int) -> str:
    """Where the other runs' lists have the sequence, in words: the curves for those who do not see them."""
    joined = next((item for item in found.sequences if item.sequence_id == sequence_id), None)
    if joined is None:
        return ""
    told = []
    for other, rank in zip(found.runs, joined.ranks, strict=True):
        if other.run != run.run:
            told.append(f"{other.model}: {rank if rank is not None else 'not kept'}")
    return " · ".join(told)


def _joined(found: Comparison) -> tuple[JoinedRow, ...]:
    rows = []
    for item in found.sequences:
        places = tuple(
            None if rank is None or nats is None else (rank, nats, sequence_url(run.query, item.sequence_id, run.run))
            for run, rank, nats in zip(found.runs, item.ranks, item.nats_per_copy, strict=True)
        )
        rows.append(JoinedRow(item.sequence_id, item.document, item.kind, item.text, places))
    return tuple(rows)


def _page(found: Comparison, runs: str, show: int) -> ComparePage:
    scopes = {run.scope for run in found.runs}
    names = {run.run: run.model if len(scopes) == 1 else f"{run.model}, {words.scope(run.scope)}" for run in found.runs}

    def tab(name: str, *, current: bool, sign: str = found.sign, rows: int = show) -> Tab:
        kept = {"sign": sign if sign != "positive" else None, "show": rows if rows != 10 else None}
        return Tab(name, address("/compare", runs=runs, **kept), current)

    state = {"runs": runs, "sign": found.sign}
    return ComparePage(
        chooser=(),
        comparison=found,
        tabs=(
            tab("Positive", current=found.sign == "positive", sign="positive"),
            tab("Negative", current=found.sign == "negative", sign="negative"),
        ),
        columns=_columns(found, show),
        same_scope=len(scopes) == 1,
        joined=_joined(found),
        pairs=tuple(Pair(names[a.runs[0]], names[a.runs[1]], a) for a in found.agreements),
        same_question=len({(run.prompt, run.completion) for run in found.runs}) == 1,
        show=show,
        shows=tuple(tab(f"{rows}", current=rows == show, rows=rows) for rows in (10, 50)),
        csv=address("/compare.csv", **state),
        json=address("/api/v1/compare", **state, limit=LIMIT),
    )


def _chooser(session: Session) -> ComparePage:
    found = [queries.get(session, item.id) for item in queries.recent(session, limit=100)]
    return ComparePage(chooser=tuple(query for query in found if any(run.state == "done" for run in query.runs)))


@router.get("")
def show_comparison(
    request: Request,
    session: DbSession,
    runs: Annotated[list[str] | None, Query()] = None,
    sign: Sign = "positive",
    show: Show = "10",
) -> Response:
    """Columns of runs; the chooser's form names each run by itself and is led to the address with commas."""
    if not runs:
        return render(request, "compare.html", _chooser(session))
    if len(runs) > 1:
        return RedirectResponse(address("/compare", runs=",".join(runs)), status_code=303)
    found = comparison.compare(session, run_ids(runs[0]), sign, LIMIT)
    return render(request, "compare.html", _page(found, runs[0], int(show)))


@router.get(".json")
def compare_json(session: DbSession, runs: RunsText, sign: Sign = "positive") -> Comparison:
    """The comparison as `GET /api/v1/compare` gives it."""
    return comparison.compare(session, run_ids(runs), sign, LIMIT)


@router.get(".csv")
def compare_csv(session: DbSession, runs: RunsText, sign: Sign = "positive") -> Response:
    """The joined sequences as rows."""
    return comparison_csv(comparison.compare(session, run_ids(runs), sign, LIMIT))
