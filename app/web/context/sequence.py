"""A sequence of a query in full."""

from dataclasses import dataclass

from app.services.shapes import (
    CheckView,
    CounterfactualResult,
    InfluenceDetail,
    KeptPlace,
    Neighbour,
    QueryView,
    RunView,
)
from app.services.units import Unit
from app.web.charts import Chart
from app.web.context.kept import SubjectView
from app.web.context.query import ProfileView
from app.web.context.shell import FormError, Tab
from app.web.context.take import TakeView
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
class GridData:
    """The same for the script that draws the grid: names from the last layer to the first, and values by layer.

    tokens, totals and each row of cells go by input position; values have four digits.
    """

    layers: tuple[str, ...]
    tokens: tuple[str, ...]
    totals: tuple[float, ...]
    cells: tuple[tuple[float, ...], ...]

    @property
    def data(self) -> dict[str, object]:
        """What JSON can be made of."""
        return vars(self)


@dataclass(frozen=True)
class NumbersPage:
    """`/queries/{id}/sequences/{sid}/numbers?run=`: the grid as a table; `back` leads to the sequence."""

    query: QueryView
    run: RunView
    detail: InfluenceDetail
    unit: Unit
    value: float
    grid: tuple[GridRow, ...]
    layer_sums: tuple[float, ...]
    back: str


@dataclass(frozen=True)
class OtherRun:
    """The same sequence under another model of the query; `row` is None where its kept lists lack it."""

    run: RunView
    row: InfluenceDetail | None
    value: float | None
    unit: Unit
    url: str | None


@dataclass(frozen=True)
class Stretch:
    """Tokens that are read together under one tint, by their sum in the page's unit."""

    css: str
    value: float
    tokens: tuple[Piece, ...]


@dataclass(frozen=True)
class ReadingView:
    """The text as it is read: its stretches, the other ways to read it, and what the colours mean in this one.

    name: what the colours show, in a word; aid: sentences on it; missing: the view waits for its check.
    """

    stretches: tuple[Stretch, ...]
    readings: tuple[Tab, ...]
    views: tuple[Tab, ...]
    palettes: tuple[Tab, ...]
    read: str
    erase: str
    name: str
    aid: tuple[str, ...]
    missing: bool
    total: float


@dataclass(frozen=True)
class MovedRow:
    """A predicted and a measured change of log p, in nats."""

    what: str
    predicted: float
    measured: float
    ratio: float | None
    iterations: int
    residual: float


@dataclass(frozen=True)
class ChecksView:
    """The checks of the sequence: those there are, what they found in words, and where forms ask for one and change it.

    of: their address in the API. version: where their stream of events goes on; None once all have ended.
    chart: for each row a bar for what was predicted and one for what was measured.
    seconds: what one has taken with this model; None where none was made yet.
    """

    of: str
    version: str | None
    ask: str
    cancel: str
    retry: str
    counterfactual: CheckView | None
    one_step: CheckView | None
    erasure: CheckView | None
    moved: tuple[MovedRow, ...]
    chart: Chart | None
    told: str
    step_told: str
    result: CounterfactualResult | None
    seconds: float | None
    erasure_seconds: float | None


@dataclass(frozen=True)
class NeighbourView:
    """The sequence before or after in the document; `url` and `value` where the run keeps it.

    text: of what it holds of the document the part that is nearest.
    """

    neighbour: Neighbour
    text: str | None
    url: str | None
    value: float | None


@dataclass(frozen=True)
class ElsewhereRow:
    """A place in the list of another query's run."""

    place: KeptPlace
    url: str
    value: float
    unit: Unit


@dataclass(frozen=True)
class PlaceView:
    """The sequence in one of its documents, whose page is at `url`.

    pieces: how many sequences hold some of the document; place: which this one is, from 1.
    """

    document: str
    url: str
    pieces: int | None
    place: int | None
    previous: NeighbourView | None
    next: NeighbourView | None


@dataclass(frozen=True)
class SurroundingsView:
    """The sequence in its documents, and in the lists of other queries.

    places: the one that it is named after first; none of a text that was given with the query. left_out: how many more.
    """

    places: tuple[PlaceView, ...]
    left_out: int
    elsewhere: tuple[ElsewhereRow, ...]


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
    reading: ReadingView
    checks: ChecksView
    around: SurroundingsView
    grid: GridData
    numbers: str
    profile: ProfileView
    rest: float
    adds_up: bool
    heaviest_layer: str
    concentration: float
    previous: str | None
    next: str | None
    duplicate: str | None
    back: str
    edit: str
    others: tuple[OtherRun, ...] = ()
    subject: SubjectView | None = None
    take: TakeView | None = None
    draft: str | None = None
    error: FormError | None = None
