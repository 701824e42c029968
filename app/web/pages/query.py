"""`/queries/{id}`: one address for a query's progress and its result."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.services import candidate_results, catalog, coverage, queries, results, units
from app.services.errors import Conflict, NotFound
from app.services.shapes import ModelView, QueryView, RunDetail, RunView, Sign
from app.web import charts, words
from app.web.context import CandidatesView, FormError, ListView, ModelChip, OtherCompletions, Pager, QueryPage, Tab
from app.web.deps import DbSession, JobsDep
from app.web.exports import influences_csv, influences_parquet
from app.web.filled import asked_again
from app.web.rendering import render
from app.web.versions import candidate_views
from app.web.views import address, list_rows, profile_view, query_path

router = APIRouter(prefix="/queries")
PAGE = 50
MOST_COMPARED = 4
# No list is longer: the candidates of a query.
LONGEST = 2_000
View = Literal["list", "run", "candidates"]
Colour = Literal["row", "list"]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Draft:
    """A version as a person wrote it, and what is wrong with it."""

    text: str | None = None
    error: FormError | None = None


@dataclass(frozen=True)
class Choices:
    """What the address says about the view."""

    query_id: str
    model: str
    sign: Sign
    view: View
    page: int
    colour: Colour
    home: View = "list"
    reference: int = 1
    change: int | None = None

    def url(self, **changed: str | int | None) -> str:
        """This view's address with some of it changed; what stands at its default is left out."""
        state: dict[str, str | int | None] = {
            "model": self.model,
            "sign": self.sign,
            "view": self.view,
            "page": self.page,
            "colour": self.colour,
            "reference": self.reference,
        }
        state.update(changed)
        defaults = {"sign": "positive", "view": self.home, "page": 1, "colour": "row", "reference": 1}
        kept = {name: value for name, value in state.items() if value != defaults.get(name)}
        return address(query_path(self.query_id), **kept)


def choose_run(query: QueryView, model: str | None) -> RunView:
    """The run of the model asked for; without one the last that is done, for models stand small to large."""
    if model is None:
        done = [run for run in query.runs if run.state == "done"]
        busy = [run for run in query.runs if run.state == "running"]
        return (done[-1:] or busy[-1:] or query.runs)[0]
    found = [run for run in query.runs if run.model == model]
    if not found:
        known = ", ".join(run.model for run in query.runs)
        raise NotFound(
            f"This query was not put to a model named {model!r}.",
            f"It has runs of: {known}. Ask it of another at /queries/new.",
            field="model",
        )
    return found[-1]


def _chips(query: QueryView, run: RunView, choices: Choices, sizes: dict[str, ModelView]) -> tuple[ModelChip, ...]:
    def size(name: str) -> str:
        known = sizes.get(name)
        return words.size(known.parameters) if known and known.parameters else ""

    return tuple(
        ModelChip(other, choices.url(model=other.model, page=1), other.id == run.id, size(other.model))
        for other in query.runs
    )


def _tabs(choices: Choices) -> tuple[Tab, ...]:
    listed = choices.view == "list"
    candidates = Tab("Candidates", choices.url(view="candidates", page=1), choices.view == "candidates")
    return (
        *((candidates,) if choices.home == "candidates" else ()),
        Tab("Positive", choices.url(sign="positive", view="list", page=1), listed and choices.sign == "positive"),
        Tab("Negative", choices.url(sign="negative", view="list", page=1), listed and choices.sign == "negative"),
        Tab("Run", choices.url(view="run", page=1), choices.view == "run"),
    )


def _listing(session: Session, run: RunView, choices: Choices) -> ListView:
    offset = (choices.page - 1) * PAGE
    page = results.influences(session, run.id, choices.sign, offset, PAGE)
    last = offset + len(page.rows)
    pager = Pager(
        first=offset + 1,
        last=last,
        total=page.total,
        previous=choices.url(page=choices.page - 1) if choices.page > 1 else None,
        next=choices.url(page=choices.page + 1) if last < page.total else None,
    )
    colours = (
        Tab("each row", choices.url(colour="row"), choices.colour == "row"),
        Tab("this list", choices.url(colour="list"), choices.colour == "list"),
    )
    unit = units.unit(page.training_sequences)
    rows = list_rows(page.rows, page.layers, choices.query_id, run.id, unit, by_list=choices.colour == "list")
    csv = address(f"{query_path(choices.query_id)}/influences.csv", run=run.id, sign=choices.sign)
    parquet = address(f"{query_path(choices.query_id)}/influences.parquet", run=run.id, sign=choices.sign)
    json = address(f"/api/v1/runs/{run.id}/influences", sign=choices.sign, offset=offset, limit=PAGE)
    return ListView(page, unit, units.why_raw(run.model), rows, pager, colours, csv, parquet, json)


def _candidates(session: Session, run: RunView, choices: Choices, draft: Draft) -> CandidatesView:
    """The candidates in their order; the form begins with the one to be changed, by default the last."""
    offset = (choices.page - 1) * PAGE
    page = candidate_results.in_order(session, run.id, choices.reference, offset, PAGE)
    [reference] = candidate_results.in_order(session, run.id, choices.reference, choices.reference - 1, 1).rows
    last, unit = offset + len(page.rows), units.unit(page.training_sequences)
    rows = candidate_views(page, reference, unit)
    here: dict[str, str | int | None] = {"run": run.id, "reference": choices.reference}
    return CandidatesView(
        page=page,
        reference=reference,
        rows=tuple(
            replace(
                row,
                refer=choices.url(reference=row.row.place, page=choices.page),
                change=f"{choices.url(change=row.row.place)}#edit",
            )
            for row in rows
        ),
        pager=Pager(
            first=offset + 1,
            last=last,
            total=page.total,
            previous=choices.url(page=choices.page - 1) if choices.page > 1 else None,
            next=choices.url(page=choices.page + 1) if last < page.total else None,
        ),
        unit=unit,
        draft=_draft(session, run, page.total, choices) if draft.text is None else draft.text,
        csv=address(f"{query_path(choices.query_id)}/candidates.csv", **here),
        json=address(f"/api/v1/runs/{run.id}/candidates", reference=choices.reference, offset=offset, limit=PAGE),
        error=draft.error,
    )


def _draft(session: Session, run: RunView, total: int, choices: Choices) -> str:
    return candidate_results.candidate(session, run.id, choices.change or total).text


def _others(session: Session, query: QueryView, run: RunView) -> OtherCompletions | None:
    """The queries about other completions of the same prompt, and the way to compare them under this model."""
    found = queries.siblings(session, query.id)
    if not found:
        return None
    done = [one.id for each in (query, *found) for one in each.runs if one.model == run.model and one.state == "done"]
    compare = address("/compare", runs=",".join(done[:MOST_COMPARED])) if len(done) > 1 else None
    return OtherCompletions(tuple(found), compare)


def _compare_url(query: QueryView) -> str | None:
    done = [run.id for run in query.runs if run.state == "done"][-4:]
    return f"/compare?runs={','.join(done)}" if len(done) > 1 else None


def _page(session: Session, query: QueryView, version: int, run: RunView, choices: Choices, draft: Draft) -> QueryPage:
    models = {model.name: model for model in catalog.models(session)}
    detail: RunDetail | None = None
    listing = profile = histogram = candidates = None
    if run.state == "done" or choices.view == "run":
        detail = results.run(session, run.id)
    if detail and run.state == "done" and choices.view == "list":
        listing = _listing(session, run, choices)
        if detail.layer_profile:
            layers = detail.layer_profile
            profile = profile_view(getattr(layers, choices.sign), layers.layers)
        if detail.distribution:
            histogram = charts.histogram(detail.distribution.histogram)
    if run.state == "done" and choices.view == "candidates":
        candidates = _candidates(session, run, choices, draft)
    return QueryPage(
        query=query,
        run=run,
        chips=_chips(query, run, choices, models),
        tabs=_tabs(choices),
        view=choices.view,
        sign=choices.sign,
        version=version,
        why_raw=units.why_raw(run.model),
        detail=detail,
        listing=listing,
        profile=profile,
        histogram=histogram,
        compare=_compare_url(query),
        again=asked_again(query),
        others=_others(session, query, run),
        model=models.get(run.model),
        candidates=candidates,
    )


@router.get("/{query_id}.json")
def query_json(query_id: str, session: DbSession) -> QueryView:
    """The query as `GET /api/v1/queries/{id}` gives it."""
    return queries.get(session, query_id)


@router.get("/{query_id}/influences.csv")
def query_csv(query_id: str, session: DbSession, run: str, sign: Sign = "positive") -> Response:
    """All rows of a run's list of one sign."""
    choose_known(queries.get(session, query_id), run)
    return influences_csv(results.influences(session, run, sign, 0, LONGEST))


@router.get("/{query_id}/influences.parquet")
def query_parquet(query_id: str, session: DbSession, run: str, sign: Sign = "positive") -> Response:
    """The same rows with every token's and layer's influence, as Parquet."""
    choose_known(queries.get(session, query_id), run)
    return influences_parquet(results.influences(session, run, sign, 0, LONGEST))


def choose_known(query: QueryView, run_id: str | None) -> RunView:
    """The query's run of that id."""
    for run in query.runs:
        if run.id == run_id:
            return run
    raise NotFound(
        f"Query {query.id} has no run {run_id!r}.", f"Open /queries/{query.id} and choose one of its models."
    )


@router.get("/{query_id}")
def show_query(
    request: Request,
    query_id: str,
    session: DbSession,
    model: str | None = None,
    sign: Sign = "positive",
    view: View | None = None,
    page: PageNumber = 1,
    colour: Colour = "row",
    reference: PageNumber = 1,
    change: PageNumber | None = None,
) -> Response:
    """A query: progress while a run goes on, then its ranked sequences, or what made them."""
    version = queries.version(session, query_id)
    query = queries.get(session, query_id)
    run = choose_run(query, model)
    home: View = "list" if query.candidates is None else "candidates"
    chosen = home if view is None or (view == "candidates" and home == "list") else view
    choices = Choices(query_id, run.model, sign, chosen, page, colour, home, reference, change)
    return render(request, "query.html", _page(session, query, version, run, choices, Draft()))


def candidates_page(session: Session, query_id: str, run_id: str, draft: Draft) -> QueryPage:
    """The candidates of a query with a new version that cannot be asked yet, and why."""
    version = queries.version(session, query_id)
    query = queries.get(session, query_id)
    run = choose_known(query, run_id)
    choices = Choices(query_id, run.model, "positive", "candidates", 1, "row", "candidates")
    return _page(session, query, version, run, choices, draft)


def _back(query: QueryView, run: str | None) -> Response:
    named = next((item.model for item in query.runs if item.id == run), None)
    return RedirectResponse(address(query_path(query.id), model=named), status_code=303)


@router.post("/{query_id}/everything")
def ask_everything(query_id: str, session: DbSession, jobs: JobsDep, run: str) -> Response:
    """Asks a run's question once more with every sequence scored, and goes to that query."""
    asked = coverage.ask_for_everything(session, jobs, query_id, run)
    return RedirectResponse(asked.url, status_code=303)


@router.post("/{query_id}/cancel")
def cancel_query(query_id: str, session: DbSession, jobs: JobsDep, run: str | None = None) -> Response:
    """Cancels a run, or all of them, and goes back to the query."""
    return _back(queries.cancel(session, jobs, query_id, run), run)


@router.post("/{query_id}/retry")
def retry_query(query_id: str, session: DbSession, jobs: JobsDep, run: str) -> Response:
    """Tries a run again and goes back to the query; one that is already going again is left alone."""
    try:
        query = queries.retry(session, jobs, query_id, run)
    except Conflict:
        query = queries.get(session, query_id)
    return _back(query, run)
