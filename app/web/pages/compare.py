"""`/compare?runs=a,b`: two to four lists side by side; with fewer runs, a chooser."""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import URL
from starlette.responses import RedirectResponse

from app.services import comparison, queries, results
from app.services.comparison import Lists
from app.services.errors import InvalidInput
from app.services.shapes import Comparison, Sign
from app.services.sides import sides as could_stand
from app.web import chart_links, charts, compared, linked_lists, taking
from app.web.api.runs import run_ids
from app.web.chart_files import chart_file
from app.web.compared import Frame
from app.web.context import Carried, ComparePage, CompareView, Held, Pair, SideLayers, SideView, Tab
from app.web.deps import DbSession
from app.web.exports import comparison_csv
from app.web.pairs import Pairing
from app.web.rendering import render
from app.web.same_text import same_text
from app.web.views import Look, address, profile_view

router = APIRouter(prefix="/compare")
LIMIT = 50
VIEWS: dict[CompareView, str] = {
    "lists": "Side by side",
    "agreement": "Agreement",
    "layers": "Layers",
    "text": "Same text",
    "table": "Table",
}
Show = Literal["10", "50", "all"]
# How many sequences of each list a view can show, the usual first.
SHOWS: dict[CompareView, tuple[Show, ...]] = {"lists": ("10", "50"), "table": ("50", "all")}
By = Literal["rank", "influence"]
RunsText = Annotated[str, Query(description="run ids, separated by commas")]
PairText = Annotated[str, Query(pattern=r"^[0-3]-[0-3]$", description="which two columns are held against each other")]


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


@dataclass(frozen=True)
class _Shown:
    """The runs of a comparison and how an address wants to see them."""

    frame: Frame
    sign: Sign
    view: CompareView
    show: Show | None
    pair: str
    by: By

    @property
    def first(self) -> Show | None:
        """How many sequences of each list: what is asked for where the view has it, else its usual number."""
        choices = SHOWS.get(self.view, ())
        return self.show if self.show in choices else next(iter(choices), None)

    def tab(self, name: str, *, current: bool, **changed: str | None) -> Tab:
        """A link to this comparison with some of it changed."""
        return Tab(name, self.frame.url(**changed), current)

    def tabs(self) -> tuple[Tab, ...]:
        """The views."""
        return tuple(
            self.tab(name, current=view == self.view, view=None if view == "lists" else view, show=None)
            for view, name in VIEWS.items()
        )

    def text(self, place: str) -> str:
        """The page on which the sequence at a place stands in full."""
        return self.frame.url(view="text", at=place, show=None)

    def signs(self) -> tuple[Tab, ...]:
        """Lists of either sign; a sequence of one is not in those of the other."""
        return (
            self.tab("positive", current=self.sign == "positive", sign=None, at=None),
            self.tab("negative", current=self.sign == "negative", sign="negative", at=None),
        )

    def shows(self) -> tuple[Tab, ...]:
        """How many sequences of each list there can be."""
        usual, *_ = choices = SHOWS.get(self.view) or (None,)
        return tuple(
            self.tab(one, current=one == self.first, show=None if one == usual else one) for one in choices if one
        )


def _held(lists: Lists, shown: _Shown, names: tuple[str, ...]) -> Held:
    left, right = _pair(shown.pair, len(names))
    axes = (
        shown.tab("influence", current=shown.by == "influence", by=None),
        shown.tab("rank", current=shown.by == "rank", by="rank"),
    )
    pairs = tuple(
        shown.tab(f"{names[a]} and {names[b]}", current=(a, b) == (left, right), pair=f"{a}-{b}")
        for a, b in combinations(range(len(names)), 2)
    )
    return Pairing(lists, names, (left, right), shown.by).held(axes, pairs, shown.frame.url(view="table", show="all"))


def _of_view(
    session: Session, lists: Lists, found: Comparison, sides: tuple[SideView, ...], shown: _Shown
) -> dict[str, Any]:
    """The fields of the page that only one view has."""
    at, palette = (None if value is None else str(value) for value in map(shown.frame.state.get, ("at", "palette")))
    match shown.view:
        case "lists":
            return {"columns": linked_lists.columns(found, sides, Look(palette=palette))}
        case "agreement":
            return {"held": _held(lists, shown, tuple(side.name for side in sides))}
        case "layers":
            return {"profiles": tuple(_layers(side) for side in sides)}
        case "text":
            return {"same": same_text(session, lists.rows, sides, at, shown.text)}
        case "table":
            return {"joined": linked_lists.joined(found, shown.text)}


def _layers(side: SideView) -> SideLayers:
    profile = profile_view(side.run.layer_profile, side.run.layers)
    return SideLayers(side, profile, charts.depth(side.run.layer_profile, profile.layers))


def _told(session: Session, lists: Lists, shown: _Shown) -> Comparison:
    """As much of the comparison as a view needs: sequences, their rows, and thirds of networks."""
    every = max(len(column) for column in lists.kept)
    first = every if shown.first == "all" else int(shown.first or 0)
    rows = first if shown.view == "lists" else 0
    return comparison.told(session, lists, first, rows, thirds=shown.view == "layers")


def _pairs(sides: tuple[SideView, ...], found: Comparison) -> tuple[Pair, ...]:
    agreed = zip(combinations(sides, 2), found.agreements, strict=True)
    return tuple(Pair(a.name, b.name, f"{a.short}–{b.short}", agreement) for (a, b), agreement in agreed)


def _page(session: Session, server: str, shown: _Shown) -> ComparePage:
    frame, sign = shown.frame, shown.sign
    lists = comparison.join(session, list(frame.runs), sign)
    found = _told(session, lists, shown)
    _pair(shown.pair, len(found.runs))
    asked = {query_id: queries.get(session, query_id) for query_id in {run.query for run in found.runs}}
    could = {run.run: could_stand(session, run.run) for run in found.runs}
    sides = compared.side_views(found, could, frame, asked)
    data: dict[str, str | int | None] = {"runs": ",".join(frame.runs), "sign": sign}
    csv, json = address("/compare.csv", **data), address("/api/v1/compare", **data, limit=LIMIT)
    cited = [(asked[one.query], results.run(session, one.run)) for one in found.runs]
    return ComparePage(
        chooser=(),
        take=taking.of_comparison(server, cited, sign, csv, json),
        comparison=found,
        view=shown.view,
        tabs=shown.tabs(),
        signs=shown.signs(),
        shows=shown.shows(),
        first=shown.first,
        sides=sides,
        adds=compared.beside(found.runs, could),
        carried=_carried(frame),
        asks=compared.asks(found.runs),
        raw=tuple(dict.fromkeys(run.model for run in found.runs if run.unit == "raw")),
        pairs=_pairs(sides, found),
        **_of_view(session, lists, found, sides, shown),
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
    show: Show | None = None,
    at: str | None = None,
    pair: PairText = "0-1",
    by: By = "influence",
    view: CompareView = "lists",
    palette: Literal["standard", "paper"] | None = None,
) -> Response:
    """Columns of runs; forms name each run by itself and are led to the address with commas."""
    named = tuple(dict.fromkeys(run for text in runs or () for run in text.replace(" ", "").split(",") if run))
    state: dict[str, str | int | None] = {
        "sign": sign if sign != "positive" else None,
        "show": show,
        "at": at,
        "pair": pair if pair != "0-1" else None,
        "by": by if by != "influence" else None,
        "view": view if view != "lists" else None,
        "palette": palette,
    }
    frame = Frame(named, state)
    if len(named) < 2:
        return render(request, "compare.html", _chooser(session, *named))
    if runs and len(runs) > 1:
        return RedirectResponse(frame.url(), status_code=303)
    server = str(request.base_url).rstrip("/")
    page = _page(session, server, _Shown(frame, sign, view, show, pair, by))
    links = chart_links.chart_links(request.url, chart_links.of_comparison(page))
    return render(request, "compare.html", replace(page, take=page.take and replace(page.take, charts=links)))


@router.get("/charts/{name}.svg")
def comparison_chart(name: str, page: Annotated[Response, Depends(show_comparison)]) -> Response:
    """A chart of a comparison by itself; the rest of the address is the page's."""
    if isinstance(page, RedirectResponse):
        return RedirectResponse(f"/compare/charts/{name}.svg?{URL(page.headers['location']).query}", status_code=303)
    return chart_file(page, name)


@router.get(".json")
def compare_json(session: DbSession, runs: RunsText, sign: Sign = "positive") -> Comparison:
    """The comparison as `GET /api/v1/compare` gives it."""
    return comparison.compare(session, run_ids(runs), sign, LIMIT)


@router.get(".csv")
def compare_csv(session: DbSession, runs: RunsText, sign: Sign = "positive") -> Response:
    """The joined sequences as rows."""
    return comparison_csv(comparison.compare(session, run_ids(runs), sign, LIMIT))
