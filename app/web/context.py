"""One frozen, typed context a page: all that its template may use, beside the shell around every page."""

from dataclasses import dataclass, field

from app.services.shapes import (
    Agreement,
    ComparedRun,
    Comparison,
    CorpusView,
    IndexView,
    InfluenceDetail,
    InfluencePage,
    InfluenceRow,
    ModelView,
    QuerySummary,
    QueryView,
    RunDetail,
    RunView,
    Sign,
    Status,
    TokenPreview,
    WorkerView,
)
from app.web.charts import Chart, HistogramChart, Link
from app.web.tokens import Piece, Snippet


@dataclass(frozen=True)
class Shell:
    """What surrounds every page: the section that is open, and the state of things in the header."""

    path: str
    status: Status | None

    @property
    def alive(self) -> list[WorkerView]:
        """The workers that have been heard of lately."""
        return [worker for worker in self.status.workers if worker.alive] if self.status else []

    @property
    def ready(self) -> list[ModelView]:
        """The models that can be asked now."""
        return [model for model in self.status.models if model.state == "ready"] if self.status else []

    @property
    def unready(self) -> list[ModelView]:
        """The models that wait, are being prepared, or failed."""
        return [model for model in self.status.models if model.state != "ready"] if self.status else []


@dataclass(frozen=True)
class ErrorPage:
    """A failed request, told to a person."""

    status: int
    title: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class QueryGroup:
    """Queries of one kind in the gallery."""

    kind: str
    queries: tuple[QuerySummary, ...]


@dataclass(frozen=True)
class GalleryPage:
    """`/`: curated queries by kind, recent ones, what is ready and what is being prepared."""

    groups: tuple[QueryGroup, ...]
    recent: tuple[QuerySummary, ...]
    more: bool


@dataclass(frozen=True)
class QueriesPage:
    """`/queries`: every query, newest first."""

    queries: tuple[QuerySummary, ...]
    previous: str | None
    next: str | None


@dataclass(frozen=True)
class FormError:
    """What is wrong with one field of the form, and what to do."""

    field: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class MeasuredIndex:
    """A gradient index as the form names it."""

    model: str
    corpus: str
    index: IndexView


@dataclass(frozen=True)
class NewQueryPage:
    """`/queries/new`: the form as filled in, its errors beside the fields, and the token preview."""

    prompt: str
    completion: str
    models: tuple[str, ...]
    corpus: str
    keep: str
    scope: str
    prefilter_sequences: int
    choices: tuple[ModelView, ...]
    corpora: tuple[CorpusView, ...]
    errors: tuple[FormError, ...] = ()
    previews: tuple[TokenPreview, ...] = ()

    def error(self, name: str) -> FormError | None:
        """The first error of a field."""
        return next((error for error in self.errors if error.field == name), None)

    @property
    def measured(self) -> tuple["MeasuredIndex", ...]:
        """The gradient indexes that are there, by model and corpus."""
        ready = [(model, index) for model in self.choices for index in model.indexes if index.state == "ready"]
        return tuple(MeasuredIndex(model.name, index.corpus, index) for model, index in ready)

    @property
    def other_errors(self) -> tuple[FormError, ...]:
        """Errors that belong to no field shown."""
        shown = {"prompt", "completion", "models", "corpus", "keep", "scope"}
        return tuple(error for error in self.errors if error.field not in shown)


@dataclass(frozen=True)
class Tab:
    """A link to another view of the same thing."""

    name: str
    url: str
    current: bool


@dataclass(frozen=True)
class ModelChip:
    """A model of a query: a link to its run, with the run's state."""

    run: RunView
    url: str
    current: bool
    size: str


@dataclass(frozen=True)
class ListRow:
    """A ranked sequence as the list shows it; `unit` is N, by which its token scores are divided."""

    row: InfluenceRow
    url: str
    snippet: Snippet
    bar: float
    spark: Chart
    unit: float


@dataclass(frozen=True)
class Pager:
    """Which rows of a list are shown, and the way to the others."""

    first: int
    last: int
    total: int
    previous: str | None
    next: str | None


@dataclass(frozen=True)
class ListView:
    """The ranked list of one sign with its side column."""

    page: InfluencePage
    rows: tuple[ListRow, ...]
    pager: Pager
    colours: tuple[Tab, ...]
    csv: str
    parquet: str
    json: str


@dataclass(frozen=True)
class ProfileView:
    """A layer profile: bars, and each layer's value and share of the sum."""

    chart: Chart
    layers: tuple[str, ...]
    values: tuple[float, ...]
    shares: tuple[float | None, ...]


@dataclass(frozen=True)
class QueryPage:
    """`/queries/{id}`: one address for progress and result."""

    query: QueryView
    run: RunView
    chips: tuple[ModelChip, ...]
    tabs: tuple[Tab, ...]
    view: str
    sign: Sign
    version: int
    detail: RunDetail | None = None
    listing: ListView | None = None
    profile: ProfileView | None = None
    histogram: HistogramChart | None = None
    compare: str | None = None
    model: ModelView | None = None


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
    url: str | None


@dataclass(frozen=True)
class SequencePage:
    """`/queries/{id}/sequences/{sid}?run=`: every token and layer of one sequence's influence."""

    query: QueryView
    run: RunView
    detail: InfluenceDetail
    training_sequences: int
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


@dataclass(frozen=True)
class ComparePage:
    """`/compare`: columns of runs joined by sequence; without runs, a chooser."""

    chooser: tuple[QueryView, ...]
    comparison: Comparison | None = None
    tabs: tuple[Tab, ...] = ()
    columns: tuple["Column", ...] = ()
    joined: tuple["JoinedRow", ...] = ()
    pairs: tuple["Pair", ...] = ()
    same_question: bool = True
    same_scope: bool = True
    show: int = 10
    shows: tuple[Tab, ...] = ()
    csv: str = ""
    json: str = ""


@dataclass(frozen=True)
class Column:
    """One run's list in a comparison, and the curves to the column at its right."""

    run: ComparedRun
    url: str
    rows: tuple[ListRow, ...]
    profile: ProfileView
    links: tuple[Link, ...] = ()
    height: float = 0.0
    elsewhere: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JoinedRow:
    """A sequence with its rank and score under every run."""

    sequence_id: int
    document: str
    kind: str | None
    text: str
    places: tuple[tuple[int, float, str] | None, ...]


@dataclass(frozen=True)
class Pair:
    """How far two runs' lists agree, by the models' names."""

    left: str
    right: str
    agreement: Agreement


@dataclass(frozen=True)
class ModelsPage:
    """`/models`: what can be asked, and what of it is tracked."""

    models: tuple[ModelView, ...]


@dataclass(frozen=True)
class CorporaPage:
    """`/corpora`: what the models were trained on."""

    corpora: tuple[CorpusView, ...]


@dataclass(frozen=True)
class StatusPage:
    """`/status`: workers, models, corpora, and what waits and runs."""

    status: Status


@dataclass(frozen=True)
class AboutPage:
    """`/about`: method, units, sign, caveats."""


@dataclass(frozen=True)
class Operation:
    """One address of the API with its method, as its page describes it."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[tuple[str, str, str, bool, str], ...]
    body: str | None
    answers: tuple[tuple[str, str, str], ...]

    @property
    def anchor(self) -> str:
        """The name of its place on the page."""
        return f"{self.method}{self.path}".lower().replace("/", "-").replace("{", "").replace("}", "")


@dataclass(frozen=True)
class ShapeView:
    """One schema of the API: its fields with type and meaning."""

    name: str
    description: str
    fields: tuple[tuple[str, str, bool, str], ...]


@dataclass(frozen=True)
class ApiPage:
    """`/api/v1/docs`: the API from its OpenAPI document, readable offline and without JavaScript."""

    operations: tuple[Operation, ...]
    shapes: tuple[ShapeView, ...]


Page = (
    ErrorPage
    | GalleryPage
    | QueriesPage
    | NewQueryPage
    | QueryPage
    | SequencePage
    | ComparePage
    | ModelsPage
    | CorporaPage
    | StatusPage
    | AboutPage
    | ApiPage
)
