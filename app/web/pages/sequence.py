"""`/queries/{id}/sequences/{sid}?run=`: every token and layer of one sequence's influence."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy.orm import Session

from app.services import queries, results, units
from app.services.errors import NotFound
from app.services.shapes import InfluenceDetail, QueryView, RunView
from app.services.units import Unit
from app.web import tokens, words
from app.web.context import FormError, GridRow, OtherRun, SequencePage
from app.web.deps import DbSession
from app.web.pages.query import choose_known, choose_run
from app.web.rendering import render
from app.web.views import address, profile_view, query_path, sequence_url

router = APIRouter(prefix="/queries/{query_id}/sequences")
SequenceId = Annotated[int, Path(ge=0, le=2**63 - 1)]


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


def _others(session: Session, query: QueryView, run: RunView, sequence_id: int) -> tuple[OtherRun, ...]:
    found = []
    for other in query.runs:
        if other.id == run.id or other.state != "done":
            continue
        try:
            row: InfluenceDetail | None = results.influence(session, other.id, sequence_id)
        except NotFound:
            row = None
        url = sequence_url(query.id, sequence_id, other.id) if row else None
        unit = units.unit(row.training_sequences if row else None)
        found.append(OtherRun(other, row, unit.of(row.influence) if row else None, unit, url))
    return tuple(found)


def _page(session: Session, query: QueryView, run: RunView, sequence_id: int) -> SequencePage:
    detail = results.influence(session, run.id, sequence_id)
    unit = units.unit(detail.training_sequences)
    layer_sums = tuple(unit.of(value) for value in detail.layer_influences)
    heaviest = max(range(len(layer_sums)), key=lambda i: abs(layer_sums[i]), default=None)

    def neighbour(other: int | None) -> str | None:
        return None if other is None else sequence_url(query.id, other, run.id)

    return SequencePage(
        query=query,
        run=run,
        detail=detail,
        unit=unit,
        why_raw=units.why_raw(run.model),
        value=unit.of(detail.influence),
        total=results.influences(session, run.id, detail.sign, 0, 1).total,
        pieces=tokens.every(detail.tokens, detail.token_influences),
        grid=grid(detail, unit),
        layer_sums=layer_sums,
        profile=profile_view(layer_sums, detail.layers),
        rest=unit.of(detail.influence - sum(sum(row) for row in detail.matrix)),
        heaviest_layer="none" if heaviest is None else words.layer(detail.layers[heaviest]),
        concentration=concentration(detail.token_influences),
        previous=neighbour(detail.previous_sequence_id),
        next=neighbour(detail.next_sequence_id),
        duplicate=neighbour(detail.duplicate_sequence_id),
        back=address(query_path(query.id), model=run.model, sign=detail.sign),
        others=_others(session, query, run, sequence_id),
    )


def edited_page(
    session: Session, query_id: str, run_id: str, sequence_id: int, draft: str, error: FormError
) -> SequencePage:
    """The page of a sequence with a version of it that cannot be asked yet, and why."""
    query = queries.get(session, query_id)
    page = _page(session, query, choose_known(query, run_id), sequence_id)
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
    request: Request, query_id: str, sequence_id: SequenceId, session: DbSession, run: str | None = None
) -> Response:
    """A sequence's tokens, its layer x token grid, and the same sequence under the query's other models."""
    query = queries.get(session, query_id)
    chosen = choose_known(query, run) if run else choose_run(query, None)
    return render(request, "sequence.html", _page(session, query, chosen, sequence_id))
