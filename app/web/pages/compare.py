"""`/compare?runs=a,b`: two to four lists side by side; without runs, a chooser."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.services import comparison, queries, units
from app.services.shapes import Asked, ComparedRun, Comparison, Sign
from app.web import charts, words
from app.web.api.runs import run_ids
from app.web.context import Column, ComparePage, JoinedRow, Pair, Tab
from app.web.deps import DbSession
from app.web.exports import comparison_csv
from app.web.rendering import render
from app.web.same_text import address_of, key_of, same_text
from app.web.views import address, list_rows, profile_view, query_path, sequence_url

router = APIRouter(prefix="/compare")
CARD_STEP = 112
GUTTER = 56
LIMIT = 50
Show = Literal["10", "50"]
RunsText = Annotated[str, Query(description="run ids, separated by commas")]


def _columns(found: Comparison, show: int) -> tuple[Column, ...]:
    keys = [_keys(found, index) for index in range(len(found.runs))]
    shown = [[keys[index][row.sequence_id] for row in run.rows[:show]] for index, run in enumerate(found.runs)]
    columns = []
    for index, run in enumerate(found.runs):
        last, unit = index + 1 == len(found.runs), units.unit(run.training_sequences)
        columns.append(
            Column(
                run=run,
                unit=unit,
                url=address(query_path(run.query), model=run.model, sign=found.sign),
                rows=list_rows(run.rows[:show], run.layers, run.query, run.run, unit),
                profile=profile_view(run.layer_profile, run.layers),
                links=() if last else charts.links(shown[index], shown[index + 1], CARD_STEP, GUTTER),
                height=CARD_STEP * max((len(ids) for ids in shown), default=0),
                elsewhere={row.sequence_id: _elsewhere(found, run, keys[index][row.sequence_id]) for row in run.rows},
                keys=keys[index],
            )
        )
    return tuple(columns)


def _keys(found: Comparison, index: int) -> dict[int, int]:
    """The place among the joined sequences of each sequence of a run."""
    ids = (item.sequence_ids[index] for item in found.sequences)
    return {sequence_id: key for key, sequence_id in enumerate(ids) if sequence_id is not None}


def _elsewhere(found: Comparison, run: ComparedRun, key: int) -> str:
    """Where the other runs' lists have the sequence, in words: the curves for those who do not see them."""
    told = []
    for other, rank in zip(found.runs, found.sequences[key].ranks, strict=True):
        if other.run != run.run:
            told.append(f"{other.model}: {rank if rank is not None else 'not kept'}")
    return " · ".join(told)


def _joined(found: Comparison, url: Callable[[str], str]) -> tuple[JoinedRow, ...]:
    rows = []
    for key, item in enumerate(found.sequences):
        under = zip(found.runs, item.sequence_ids, item.ranks, item.influences, strict=True)
        places = tuple(
            None
            if sequence_id is None or rank is None or raw is None
            else (rank, units.unit(run.training_sequences).of(raw), sequence_url(run.query, sequence_id, run.run))
            for run, sequence_id, rank, raw in under
        )
        rows.append(JoinedRow(key, url(address_of(item)), item.document, item.kind, item.text, places))
    return tuple(rows)


def _page(session: Session, found: Comparison, runs: str, show: int, at: str | None) -> ComparePage:
    scopes = {run.scope for run in found.runs}
    names = {run.run: run.model if len(scopes) == 1 else f"{run.model}, {words.scope(run.scope)}" for run in found.runs}

    def state_of(sign: str, rows: int) -> dict[str, str | int | None]:
        return {"sign": sign if sign != "positive" else None, "show": rows if rows != 10 else None}

    def tab(name: str, *, current: bool, sign: str = found.sign, rows: int = show) -> Tab:
        return Tab(name, address("/compare", runs=runs, **state_of(sign, rows)), current)

    state, here = {"runs": runs, "sign": found.sign}, state_of(found.sign, show)
    return ComparePage(
        chooser=(),
        comparison=found,
        tabs=(
            tab("Positive", current=found.sign == "positive", sign="positive"),
            tab("Negative", current=found.sign == "negative", sign="negative"),
        ),
        columns=_columns(found, show),
        same_scope=len(scopes) == 1,
        raw=tuple(dict.fromkeys(run.model for run in found.runs if run.unit == "raw")),
        joined=_joined(found, lambda at: f"{address('/compare', runs=runs, **here, at=at)}#same"),
        same=same_text(session, found, key_of(found, at)),
        pairs=tuple(Pair(names[a.runs[0]], names[a.runs[1]], a) for a in found.agreements),
        same_question=len({run.model_dump_json(include=set(Asked.model_fields)) for run in found.runs}) == 1,
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
    at: str | None = None,
) -> Response:
    """Columns of runs; the chooser's form names each run by itself and is led to the address with commas."""
    if not runs:
        return render(request, "compare.html", _chooser(session))
    if len(runs) > 1:
        return RedirectResponse(address("/compare", runs=",".join(runs)), status_code=303)
    found = comparison.compare(session, run_ids(runs[0]), sign, LIMIT)
    return render(request, "compare.html", _page(session, found, runs[0], int(show), at))


@router.get(".json")
def compare_json(session: DbSession, runs: RunsText, sign: Sign = "positive") -> Comparison:
    """The comparison as `GET /api/v1/compare` gives it."""
    return comparison.compare(session, run_ids(runs), sign, LIMIT)


@router.get(".csv")
def compare_csv(session: DbSession, runs: RunsText, sign: Sign = "positive") -> Response:
    """The joined sequences as rows."""
    return comparison_csv(comparison.compare(session, run_ids(runs), sign, LIMIT))
