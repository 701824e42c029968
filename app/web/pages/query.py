"""`/queries/{id}`: one address for a query's progress and its result."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.services import candidate_results, catalog, coverage, queries, results, units
from app.services.annotations import Subject
from app.services.errors import Conflict, NotFound
from app.services.shapes import ModelView, QueryView, RunDetail, RunView, Sign
from app.services.spans import Reading
from app.web import chart_links, charts, taking, words
from app.web.charts import HistogramChart
from app.web.choices import Choices, Colour, First, Palette, View
from app.web.choosing import ListChosen
from app.web.context import (
    CandidatesView,
    FormError,
    ModelChip,
    OtherCompletions,
    Pager,
    ProfileView,
    QueryPage,
    TakeView,
    Urls,
)
from app.web.deps import DbSession, JobsDep
from app.web.filled import asked_again
from app.web.listed import PAGE, list_view
from app.web.rendering import render
from app.web.spread import distribution_view, layers_tab
from app.web.subjects import subject_view
from app.web.versions import candidate_views
from app.web.views import address, profile_view, query_path

router = APIRouter(prefix="/queries")
MOST_COMPARED = 4
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Draft:
    """A version as a person wrote it, and what is wrong with it."""

    text: str | None = None
    error: FormError | None = None


def choose_run(query: QueryView, model: str | None, run_id: str | None = None) -> RunView:
    """The run, or the newest of the model asked for; without either the last done: models stand small to large."""
    if run_id is not None:
        return choose_known(query, run_id)
    if model is None:
        done = [run for run in query.runs if run.state == "done"]
        usual = [run for run in done if not run.settings.label]
        busy = [run for run in query.runs if run.state == "running"]
        return (usual[-1:] or done[-1:] or busy[-1:] or query.runs)[0]
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
        ModelChip(
            other,
            choices.url(model=other.model, run=run_named(query, other), page=1),
            other.id == run.id,
            size(other.model),
            other.settings.label,
        )
        for other in query.runs
    )


def run_named(query: QueryView, run: RunView) -> str | None:
    """The run's id where its model alone would not tell it: there are others of it, with other settings."""
    return run.id if sum(other.model == run.model for other in query.runs) > 1 else None


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


def _beside(detail: RunDetail, sign: Sign) -> tuple[ProfileView | None, HistogramChart | None]:
    """The small charts beside a list."""
    found, scores = detail.layer_profile, detail.distribution
    profile = profile_view(getattr(found, sign), found.layers) if found else None
    return profile, charts.histogram(scores.histogram) if scores else None


def _urls(choices: Choices) -> Urls:
    return Urls(
        home=choices.to(choices.home),
        distribution=choices.to("distribution"),
        layers=choices.to("layers"),
        run=choices.to("run"),
    )


def _page(session: Session, query: QueryView, version: int, run: RunView, choices: Choices, draft: Draft) -> QueryPage:
    models = {model.name: model for model in catalog.models(session)}
    detail: RunDetail | None = None
    listing = profile = histogram = candidates = distribution = layers = None
    if run.state == "done" or choices.view == "run":
        detail = results.run(session, run.id)
    if detail and run.state == "done":
        known = detail.provenance.training_sequences
        match choices.view:
            case "list":
                listing = list_view(session, query, run, choices)
                profile, histogram = _beside(detail, choices.sign)
            case "candidates":
                candidates = _candidates(session, run, choices, draft)
            case "distribution":
                distribution = distribution_view(detail, units.unit(known))
            case "layers":
                layers = layers_tab(session, run.id, choices, known)
    return QueryPage(
        query=query,
        run=run,
        chips=_chips(query, run, choices, models),
        tabs=choices.tabs(),
        urls=_urls(choices),
        view=choices.view,
        sign=choices.sign,
        version=version,
        why_raw=units.why_raw(run.model),
        detail=detail,
        listing=listing,
        profile=profile,
        histogram=histogram,
        distribution=distribution,
        layers=layers,
        compare=_compare_url(query),
        again=asked_again(query, run),
        others=_others(session, query, run),
        subject=subject_view(session, Subject(query.id), choices.url()),
        model=models.get(run.model),
        candidates=candidates,
    )


@router.get("/{query_id}.json")
def query_json(query_id: str, session: DbSession) -> QueryView:
    """The query as `GET /api/v1/queries/{id}` gives it."""
    return queries.get(session, query_id)


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
    listed: ListChosen,
    model: str | None = None,
    sign: Sign = "positive",
    view: View | None = None,
    page: PageNumber = 1,
    colour: Colour = "row",
    reference: PageNumber = 1,
    change: PageNumber | None = None,
    run: str | None = None,
    read: Reading = "token",
    palette: Palette | None = None,
    first: First = "50",
) -> Response:
    """A query: progress while a run goes on, then its ranked sequences, or what made them."""
    version = queries.version(session, query_id)
    query = queries.get(session, query_id)
    shown = choose_run(query, model, run)
    home: View = "list" if query.candidates is None else "candidates"
    chosen = home if view is None or (view == "candidates" and home == "list") else view
    named = run_named(query, shown)
    seen = Choices(query_id, shown.model, sign, chosen, page, colour, home, reference, change, run=named)
    choices = replace(seen, listed=listed, read=read, palette=palette, first=first)
    made = _page(session, query, version, shown, choices, Draft())
    return render(request, "query.html", replace(made, take=_take(session, request, made, page)))


def _take(session: Session, request: Request, made: QueryPage, number: int) -> TakeView | None:
    """What the view offers to take away; nothing of a run that is not done."""
    if made.detail is None or made.run.state != "done":
        return None
    server = str(request.base_url).rstrip("/")
    if made.listing is None:
        named = chart_links.of_distribution(made.distribution) if made.distribution else {}
        named |= chart_links.of_layers(made.layers) if made.layers else {}
        take = taking.of_run(server, made.query, made.detail)
        return replace(take, charts=chart_links.chart_links(request.url, named))
    return taking.of_list(session, server, made.query, made.detail, made.listing.page, number)


def candidates_page(session: Session, query_id: str, run_id: str, draft: Draft) -> QueryPage:
    """The candidates of a query with a new version that cannot be asked yet, and why."""
    version = queries.version(session, query_id)
    query = queries.get(session, query_id)
    run = choose_known(query, run_id)
    named = run_named(query, run)
    choices = Choices(query_id, run.model, "positive", "candidates", 1, "row", "candidates", run=named)
    return _page(session, query, version, run, choices, draft)


def _back(query: QueryView, run: str | None) -> Response:
    chosen = next((item for item in query.runs if item.id == run), None)
    state = {} if chosen is None else {"model": chosen.model, "run": run_named(query, chosen)}
    return RedirectResponse(address(query_path(query.id), **state), status_code=303)


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
