"""A sequence of a query in full."""

from dataclasses import dataclass

from app.services.shapes import InfluenceDetail, QueryView, RunView
from app.services.units import Unit
from app.web.context.query import ProfileView
from app.web.context.shell import FormError
from app.web.tokens import Piece


@dataclass(frozen=True)
class GridRow:
    """One input position of the grid's table: its token, the next one, and its influence by layer."""

    position: int
    token: str
    next_token: str
    total: float
    layers: tuple[float, ...]


@dataclass(frozen=True)
class OtherRun:
    """The same sequence under another model of the query; `row` is None where its kept lists lack it."""

    run: RunView
    row: InfluenceDetail | None
    value: float | None
    unit: Unit
    url: str | None


@dataclass(frozen=True)
class SequencePage:
    """`/queries/{id}/sequences/{sid}?run=`: every token and layer of one sequence's influence."""

    query: QueryView
    run: RunView
    detail: InfluenceDetail
    unit: Unit
    why_raw: str
    value: float
    total: int
    pieces: tuple[Piece, ...]
    grid: tuple[GridRow, ...]
    layer_sums: tuple[float, ...]
    profile: ProfileView
    rest: float
    heaviest_layer: str
    concentration: float
    previous: str | None
    next: str | None
    duplicate: str | None
    back: str
    others: tuple[OtherRun, ...] = ()
    draft: str | None = None
    error: FormError | None = None
