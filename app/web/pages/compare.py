"""`/compare?runs=a,b`: two to four lists side by side; with fewer runs, a chooser."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.services import comparison, queries, results, units
from app.services.errors import InvalidInput
from app.services.shapes import ComparedRun, Comparison, QueryView, Sign
from app.web import chart_links, charts, compared, taking
from app.web.api.runs import run_ids
from app.web.chart_files import chart_file
from app.web.compared import Frame
from app.web.context import Carried, Column, ComparePage, JoinedRow, Pair, Tab
from app.web.deps import DbSession
from app.web.exports import comparison_csv
from app.web.filled import asked_again
from app.web.pairs import Pairing
from app.web.rendering import render
from app.web.same_text import address_of, key_of, same_text
from app.web.views import Look, address, list_rows, profile_view, query_path, sequence_url

router = APIRouter(prefix="/compare")
CARD_STEP = 112
GUTTER = 56
LIMIT = 50
Show = Literal["10", "50"]
By = Literal["rank", "influence"]
RunsText = Annotated[str, Query(description="run ids, separated by commas")]
PairText = Annotated[str, Query(pattern=r"^[0-3]-[0-3]$", description="which two columns are held against each other")]


def _columns(session: Session, found: Comparison, frame: Frame, asked: dict[str, QueryView]) -> tuple[Column, ...]:
    keys = [_keys(found, index) for index in range(len(found.runs))]
    shown = [[keys[index][row.sequence_id] for row in run.rows] for index, run in enumerate(found.runs)]
    names = compared.names(found.runs)
    palette = frame.state["palette"]
    look = Look(palette=None if palette is None else str(palette))
    columns = []
    for index, run in enumerate(found.runs):
        last, unit = index + 1 == len(found.runs), units.unit(run.training_sequences)
        profile = profile_view(run.layer_profile, run.layers)
        columns.append(
            Column(
                run=run,
                name=names[index],
                unit=unit,
                url=address(query_path(run.query), model=run.model, run=run.run, sign=found.sign),
                again=_again(asked[run.query], run),
                rows=list_rows(run.rows, run.layers, run.query, run.run, unit, look),
                profile=profile,
                depth=charts.depth(run.layer_profile, profile.layers),
                sides=compared.instead(session, found.runs, run),
                without=frame.without(run.run),
                links=() if last else charts.links(shown[index], shown[index + 1], CARD_STEP, GUTTER),
                height=CARD_STEP * max((len(ids) for ids in shown), default=0),
                elsewhere={
                    row.sequence_id: _elsewhere(found, names, index, keys[index][row.sequence_id]) for row in run.rows
                },
                keys=keys[index],
            )
        )
    return tuple(columns)


def _again(query: QueryView, run: ComparedRun) -> str:
    """The form that asks a run's question of its model once more, its damping to be changed."""
    mine = [one for one in query.runs if one.id == run.run]
    return f"{asked_again(query.model_copy(update={'runs': mine}), mine[0])}#damping"


def _keys(found: Comparison, index: int) -> dict[int, int]:
    """The place among the joined sequences of each sequence of a run."""
    ids = (item.sequence_ids[index] for item in found.sequences)
    return {sequence_id: key for key, sequence_id in enumerate(ids) if sequence_id is not None}


def _elsewhere(found: Comparison, names: tuple[str, ...], index: int, key: int) -> str:
    """Where the other runs' lists have the sequence, in words: the curves for those who do not see them."""
    told = []
    for place, (name, rank) in enumerate(zip(names, found.sequences[key].ranks, strict=True)):
        if place != index:
            told.append(f"{name}: {rank if rank is not None else 'not kept'}")
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


def _pair(text: str, columns: int) -> tuple[int, int]:
    """The two columns that an address names, the left one first. Raises: InvalidInput."""
    first, second = sorted(int(place) for place in text.split("-"))
    if first == second or second >= columns:
        raise InvalidInput(
            f"There is no pair {text!r} in a comparison of {columns} columns.",
            "Name two different columns, counted from 0, such as 0-1.",
            "pair",
        )
    return first, second


def _carried(frame: Frame) -> tuple[Carried, ...]:
    """What the form that changes a side takes along: not what names a column or a sequence."""
    kept = {name: value for name, value in frame.state.items() if value is not None and name not in ("at", "pair")}
    return tuple(Carried(name, str(value)) for name, value in kept.items())


def _page(session: Session, server: str, frame: Frame, sign: Sign, show: int, pair: str, by: By) -> ComparePage:
    lists = comparison.join(session, list(frame.runs), sign)
    found = comparison.told(session, lists, LIMIT, show)
    asked = {query_id: queries.get(session, query_id) for query_id in {run.query for run in found.runs}}
    names, at = compared.names(found.runs), frame.state["at"]
    left, right = _pair(pair, len(names))

    def tab(name: str, *, current: bool, anchor: str = "", **changed: str | None) -> Tab:
        return Tab(name, frame.url(**changed) + anchor, current)

    pairings = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
    held = Pairing(lists, names, (left, right), by).held(
        axes=(
            tab("influence", current=by == "influence", by=None, anchor="#held"),
            tab("rank", current=by == "rank", by="rank", anchor="#held"),
        ),
        pairs=tuple(
            tab(f"{names[a]} and {names[b]}", current=(a, b) == (left, right), pair=f"{a}-{b}", anchor="#held")
            for a, b in pairings
        ),
    )
    data: dict[str, str | int | None] = {"runs": ",".join(frame.runs), "sign": sign}
    csv, json = address("/compare.csv", **data), address("/api/v1/compare", **data, limit=LIMIT)
    cited = [(asked[one.query], results.run(session, one.run)) for one in found.runs]
    return ComparePage(
        chooser=(),
        take=taking.of_comparison(server, cited, sign, csv, json),
        comparison=found,
        tabs=(
            tab("Positive", current=sign == "positive", sign=None, at=None),
            tab("Negative", current=sign == "negative", sign="negative", at=None),
        ),
        columns=_columns(session, found, frame, asked),
        adds=compared.beside(session, found.runs),
        carried=_carried(frame),
        same_scope=len({run.scope for run in found.runs}) == 1,
        raw=tuple(dict.fromkeys(run.model for run in found.runs if run.unit == "raw")),
        joined=_joined(found, lambda at: f"{frame.url(at=at)}#same"),
        same=same_text(session, found, names, key_of(found, None if at is None else str(at))),
        pairs=tuple(Pair(names[a], names[b], one) for (a, b), one in zip(pairings, found.agreements, strict=True)),
        held=held,
        same_question=compared.same_question(found.runs),
        show=show,
        shows=tuple(tab(rows, current=rows == str(show), show=rows if rows != "10" else None) for rows in ("10", "50")),
        csv=csv,
        json=json,
    )


def _chooser(session: Session, chosen: str = "") -> ComparePage:
    """The newest queries with done runs, the one of the run that is chosen already before them."""
    listed = [item.id for item in queries.recent(session, limit=100)]
    first = [comparison.query_of(session, chosen)] if chosen else []
    found = [queries.get(session, query_id) for query_id in dict.fromkeys([*first, *listed])]
    return ComparePage(tuple(query for query in found if any(run.state == "done" for run in query.runs)), chosen)


@router.get("")
def show_comparison(
    request: Request,
    session: DbSession,
    runs: Annotated[list[str] | None, Query()] = None,
    sign: Sign = "positive",
    show: Show = "10",
    at: str | None = None,
    pair: PairText = "0-1",
    by: By = "influence",
    palette: Literal["standard", "paper"] | None = None,
) -> Response:
    """Columns of runs; forms name each run by itself and are led to the address with commas."""
    named = tuple(dict.fromkeys(run for text in runs or () for run in text.replace(" ", "").split(",") if run))
    state: dict[str, str | int | None] = {
        "sign": sign if sign != "positive" else None,
        "show": show if show != "10" else None,
        "at": at,
        "pair": pair if pair != "0-1" else None,
        "by": by if by != "influence" else None,
        "palette": palette,
    }
    frame = Frame(named, state)
    if len(named) < 2:
        return render(request, "compare.html", _chooser(session, *named))
    if runs and len(runs) > 1:
        return RedirectResponse(frame.url(), status_code=303)
    server = str(request.base_url).rstrip("/")
    page = _page(session, server, frame, sign, int(show), pair, by)
    names = tuple(column.name for column in page.columns)
    links = chart_links.chart_links(request.url, chart_links.of_comparison(names))
    return render(request, "compare.html", replace(page, take=page.take and replace(page.take, charts=links)))


@router.get("/charts/{name}.svg")
def comparison_chart(name: str, page: Annotated[Response, Depends(show_comparison)]) -> Response:
    """A chart of a comparison by itself; the rest of the address is the page's."""
    return chart_file(page, name)


@router.get(".json")
def compare_json(session: DbSession, runs: RunsText, sign: Sign = "positive") -> Comparison:
    """The comparison as `GET /api/v1/compare` gives it."""
    return comparison.compare(session, run_ids(runs), sign, LIMIT)


@router.get(".csv")
def compare_csv(session: DbSession, runs: RunsText, sign: Sign = "positive") -> Response:
    """The joined sequences as rows."""
    return comparison_csv(comparison.compare(session, run_ids(runs), sign, LIMIT))
