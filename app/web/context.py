"""One frozen, typed context a page: all that its template may use, beside the shell around every page."""

from dataclasses import dataclass, field

from app.services.shapes import (
    Agreement,
    CandidatePage,
    CandidateRow,
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
from app.services.units import Unit
from app.web.charts import Chart, HistogramChart, Link
from app.web.filled import Filled
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


# The form's fields beside which an error can stand; those of its optional part.
OPTIONAL = ("writer", "writing", "against", "counted", "completions")
FIELDS = ("prompt", "completion", "format", "system", "models", "corpus", "keep", "scope", "candidates", *OPTIONAL)


@dataclass(frozen=True)
class NewQueryPage:
    """`/queries/new`: the form as filled in, its errors beside the fields, and the token preview."""

    filled: Filled
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
        return tuple(error for error in self.errors if error.field not in FIELDS)

    @property
    def readable(self) -> tuple[ModelView, ...]:
        """The models that can write a completion."""
        return tuple(model for model in self.choices if model.state != "failed")

    @property
    def more_open(self) -> bool:
        """Whether the optional part of the form is open: something in it is filled in or wrong."""
        filled = self.filled
        told = (filled.writer, filled.against, filled.count, filled.counted, *filled.completions)
        return any(told) or any(self.error(name) for name in OPTIONAL)


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
    """A ranked sequence as the list shows it: its score, as `value`, and those of its tokens are told in `unit`."""

    row: InfluenceRow
    url: str
    snippet: Snippet
    bar: float
    spark: Chart
    value: float
    unit: Unit


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
    unit: Unit
    why_raw: str
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
class VersionPiece:
    """A token of a candidate, and whether it is new against the reference."""

    piece: Piece
    new: bool


@dataclass(frozen=True)
class CandidateView:
    """A candidate with its score and its difference to the reference, both in the unit shown.

    Few candidates are shown whole (`pieces`), many by a snippet. `url` is None for a score of exactly 0.
    """

    row: CandidateRow
    url: str | None
    value: float
    difference: float
    pieces: tuple[VersionPiece, ...]
    snippet: Snippet | None
    refer: str = ""
    change: str = ""


@dataclass(frozen=True)
class CandidatesView:
    """The candidates in their own order, and the form that adds a version."""

    page: CandidatePage
    reference: CandidateRow
    rows: tuple[CandidateView, ...]
    pager: Pager
    unit: Unit
    draft: str
    csv: str
    json: str
    error: FormError | None = None


@dataclass(frozen=True)
class OtherCompletions:
    """Queries about other completions of the same prompt, and the address that compares the done ones."""

    queries: tuple[QueryView, ...]
    compare: str | None


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
    again: str = ""
    others: OtherCompletions | None = None
    why_raw: str = ""
    detail: RunDetail | None = None
    listing: ListView | None = None
    profile: ProfileView | None = None
    histogram: HistogramChart | None = None
    compare: str | None = None
    model: ModelView | None = None
    candidates: CandidatesView | None = None


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


@dataclass(frozen=True)
class ComparePage:
    """`/compare`: columns of runs joined by sequence or by document; without runs, a chooser."""

    chooser: tuple[QueryView, ...]
    comparison: Comparison | None = None
    tabs: tuple[Tab, ...] = ()
    columns: tuple["Column", ...] = ()
    joined: tuple["JoinedRow", ...] = ()
    same: "SameText | None" = None
    pairs: tuple["Pair", ...] = ()
    same_question: bool = True
    same_scope: bool = True
    raw: tuple[str, ...] = ()
    show: int = 10
    shows: tuple[Tab, ...] = ()
    csv: str = ""
    json: str = ""


@dataclass(frozen=True)
class Column:
    """One run's list in a comparison, and the curves to the column at its right.

    keys: the joined sequence that each of its sequences is part of.
    """

    run: ComparedRun
    unit: Unit
    url: str
    rows: tuple[ListRow, ...]
    profile: ProfileView
    links: tuple[Link, ...] = ()
    height: float = 0.0
    elsewhere: dict[int, str] = field(default_factory=dict)
    keys: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class JoinedRow:
    """A sequence with its rank and score under every run; `url` leads to it in full under each."""

    key: int
    url: str
    document: str
    kind: str | None
    text: str
    places: tuple[tuple[int, float, str] | None, ...]


@dataclass(frozen=True)
class PlacedPiece:
    """A token with the characters [start, stop) of the document that it stands for; no document between two."""

    piece: Piece
    document: str | None
    start: int
    stop: int


@dataclass(frozen=True)
class SameColumn:
    """A joined sequence under one run; without rank where that run does not keep it."""

    run: ComparedRun
    rank: int | None
    value: float | None
    url: str | None
    pieces: tuple[PlacedPiece, ...]
    unit: Unit


@dataclass(frozen=True)
class SameText:
    """A joined sequence in full under every run."""

    key: int
    document: str
    columns: tuple[SameColumn, ...]


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
