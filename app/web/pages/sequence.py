"""`/queries/{id}/sequences/{sid}?run=`: every token and layer of one sequence's influence, and its checks."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi import Path as InPath
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.services import checks, queries, results, surroundings, units
from app.services.annotations import Subject
from app.services.errors import Conflict, NotFound
from app.services.identity import check_id
from app.services.shapes import CheckKind, InfluenceDetail, QueryView, RunView
from app.services.spans import Reading
from app.services.units import Unit
from app.web import chart_links, taking, tokens, words
from app.web.around_view import around_view
from app.web.check_view import checks_view
from app.web.context import FormError, GridData, GridRow, NumbersPage, OtherRun, SequencePage
from app.web.deps import DbSession, JobsDep, SettingsDep
from app.web.pages.query import choose_known, choose_run
from app.web.rendering import PALETTES, render
from app.web.sequence_view import Erase, SequenceChoice, chosen, reading_view
from app.web.subjects import subject_view
from app.web.views import address, profile_view, query_path

router = APIRouter(prefix="/queries/{query_id}/sequences")
SequenceId = Annotated[int, InPath(ge=0, le=2**63 - 1)]
# What single precision loses of a sum, as a share of its largest part.
ROUNDING = 1e-3


def choose(
    query_id: str,
    sequence_id: SequenceId,
    run: str = "",
    read: str = "token",
    erase: str = "none",
    palette: str | None = None,
) -> SequenceChoice:
    """The view that the address names. Raises: InvalidInput for a choice that there is not."""
    reading = cast(Reading, chosen(read, get_args(Reading), "read"))
    erased = cast(Erase, chosen(erase, get_args(Erase), "erase"))
    return SequenceChoice(query_id, run, sequence_id, reading, erased, palette if palette in PALETTES else None)


def concentration(values: list[float]) -> float:
    """The two-norm over the one-norm of the token influences: above 2/3 a hit may be spurious."""
    one = sum(abs(value) for value in values)
    return float(sum(value * value for value in values) ** 0.5 / one) if one else 0.0


def grid(detail: InfluenceDetail, unit: Unit) -> tuple[GridRow, ...]:
    """The layer x token matrix in the run's unit, one row an input position, last layer first."""
    following = [*detail.tokens[1:], ""]
    return tuple(
        GridRow(
            position=position,
            token=tokens.visible(token),
            next_token=tokens.visible(after) if position + 1 < len(detail.tokens) else "",
            total=unit.of(detail.token_influences[position]),
            layers=tuple(unit.of(layer[position]) for layer in reversed(detail.matrix)),
        )
        for position, (token, after) in enumerate(zip(detail.tokens, following, strict=True))
    )


def grid_data(detail: InfluenceDetail, unit: Unit) -> GridData:
    """The same for the script that draws it."""

    def four(values: list[float]) -> tuple[float, ...]:
        return tuple(float(f"{unit.of(value):.4g}") for value in values)

    return GridData(
        layers=tuple(words.layer(name) for name in reversed(detail.layers)),
        tokens=tuple(tokens.visible(token) for token in detail.tokens),
        totals=four(detail.token_influences),
        cells=tuple(four(row) for row in reversed(detail.matrix)),
    )


def _others(session: Session, choice: SequenceChoice, query: QueryView, run: RunView) -> tuple[OtherRun, ...]:
    found = []
    for other in query.runs:
        if other.id == run.id or other.state != "done":
            continue
        try:
            row: InfluenceDetail | None = results.influence(session, other.id, choice.sequence_id)
        except NotFound:
            row = None
        url = choice.of(choice.sequence_id, other.id) if row else None
        unit = units.unit(row.training_sequences if row else None)
        found.append(OtherRun(other, row, unit.of(row.influence) if row else None, unit, url))
    return tuple(found)


def _page(session: Session, home: Path, choice: SequenceChoice, query: QueryView, run: RunView) -> SequencePage:
    sequence_id = choice.sequence_id
    detail = results.influence(session, run.id, sequence_id)
    unit = units.unit(detail.training_sequences)
    layer_sums = tuple(unit.of(value) for value in detail.layer_influences)
    heaviest = max(range(len(layer_sums)), key=lambda i: abs(layer_sums[i]), default=None)
    checked = checks_view(session, choice, run.model)
    rest = unit.of(detail.influence - sum(sum(row) for row in detail.matrix))

    def neighbour(other: int | None) -> str | None:
        return None if other is None else choice.of(other)

    return SequencePage(
        query=query,
        run=run,
        detail=detail,
        unit=unit,
        why_raw=units.why_raw(run.model),
        value=unit.of(detail.influence),
        total=results.influences(session, run.id, detail.sign, 0, 1).total,
        reading=reading_view(choice, detail, checked.erasure, unit),
        checks=checked,
        around=around_view(query, surroundings.of_sequence(session, home, run.id, sequence_id), unit, choice.of),
        grid=grid_data(detail, unit),
        numbers=choice.below("numbers"),
        profile=profile_view(layer_sums, detail.layers),
        rest=rest,
        adds_up=abs(rest) <= ROUNDING * max(abs(value) for value in (unit.of(detail.influence), *layer_sums)),
        heaviest_layer="none" if heaviest is None else words.layer(detail.layers[heaviest]),
        concentration=concentration(detail.token_influences),
        previous=neighbour(detail.previous_sequence_id),
        next=neighbour(detail.next_sequence_id),
        duplicate=neighbour(detail.duplicate_sequence_id),
        back=address(query_path(query.id), model=run.model, sign=detail.sign, palette=choice.palette),
        edit=choice.below("edits"),
        others=_others(session, choice, query, run),
        subject=subject_view(session, Subject(query.id, run.id, sequence_id), choice.url()),
    )


def edited_page(session: Session, home: Path, choice: SequenceChoice, draft: str, error: FormError) -> SequencePage:
    """The page of a sequence with a version of it that cannot be asked yet, and why."""
    query = queries.get(session, choice.query_id)
    page = _page(session, home, choice, query, choose_known(query, choice.run))
    return replace(page, draft=draft, error=error)


@router.get("/{sequence_id}.json")
def sequence_json(
    query_id: str, sequence_id: SequenceId, session: DbSession, run: str | None = None
) -> InfluenceDetail:
    """The sequence as `GET /api/v1/runs/{id}/influences/{sequence_id}` gives it."""
    query = queries.get(session, query_id)
    chosen = choose_known(query, run) if run else choose_run(query, None)
    return results.influence(session, chosen.id, sequence_id)


@router.get("/{sequence_id}")
def show_sequence(
    request: Request, session: DbSession, settings: SettingsDep, choice: Annotated[SequenceChoice, Depends(choose)]
) -> Response:
    """A sequence's tokens, its layer x token grid, its checks, and where else it stands."""
    query = queries.get(session, choice.query_id)
    run = choose_known(query, choice.run) if choice.run else choose_run(query, None)
    page = _page(session, settings.home.resolve(), replace(choice, run=run.id), query, run)
    server = str(request.base_url).rstrip("/")
    take = taking.of_sequence(server, query, results.run(session, run.id), choice.sequence_id)
    links = chart_links.chart_links(request.url, {"check": "predicted and measured"} if page.checks.chart else {})
    return render(request, "sequence.html", replace(page, take=replace(take, charts=links)))


@router.get("/{sequence_id}/numbers")
def show_numbers(request: Request, session: DbSession, choice: Annotated[SequenceChoice, Depends(choose)]) -> Response:
    """The layer x token grid as a table."""
    query = queries.get(session, choice.query_id)
    run = choose_known(query, choice.run) if choice.run else choose_run(query, None)
    detail = results.influence(session, run.id, choice.sequence_id)
    unit = units.unit(detail.training_sequences)
    page = NumbersPage(
        query=query,
        run=run,
        detail=detail,
        unit=unit,
        value=unit.of(detail.influence),
        grid=grid(detail, unit),
        layer_sums=tuple(unit.of(value) for value in detail.layer_influences),
        back=replace(choice, run=run.id).url(),
    )
    return render(request, "numbers.html", page)


@router.post("/{sequence_id}/checks")
def ask_check(
    session: DbSession,
    jobs: JobsDep,
    choice: Annotated[SequenceChoice, Depends(choose)],
    kind: Annotated[CheckKind, Form()] = "counterfactual",
) -> Response:
    """Lets a worker check the sequence, and shows it again."""
    run = choose_known(queries.get(session, choice.query_id), choice.run)
    checks.ask(session, jobs, run.id, choice.sequence_id, kind)
    return _back(choice, kind)


@router.post("/{sequence_id}/checks/{act}")
def change_check(
    session: DbSession,
    jobs: JobsDep,
    choice: Annotated[SequenceChoice, Depends(choose)],
    act: Literal["cancel", "retry"],
    kind: Annotated[CheckKind, Form()] = "counterfactual",
) -> Response:
    """Stops a check of the sequence, or starts it again, and shows the sequence again."""
    run = choose_known(queries.get(session, choice.query_id), choice.run)
    found = check_id(run.id, choice.sequence_id, kind)
    # It may have ended while the page was looked at: the page then says how.
    with suppress(Conflict):
        (checks.cancel if act == "cancel" else checks.retry)(session, jobs, found)
    return _back(choice, kind)


def _back(choice: SequenceChoice, kind: CheckKind) -> Response:
    return RedirectResponse(f"{choice.url()}#{'reading' if kind == 'erasure' else 'checks'}", status_code=303)
