"""A query: its progress, its lists, its candidates, and what made them."""

from dataclasses import dataclass

from app.services.shapes import (
    CandidatePage,
    CandidateRow,
    ModelView,
    QueryView,
    RunDetail,
    RunView,
    Sign,
)
from app.services.units import Unit
from app.web.charts import Chart, HistogramChart
from app.web.context.kept import SubjectView
from app.web.context.listed import ListView
from app.web.context.shell import FormError, Pager, Tab
from app.web.context.spread import DistributionView, LayersTab
from app.web.context.take import TakeView
from app.web.tokens import Piece, Snippet


@dataclass(frozen=True)
class ModelChip:
    """A model of a query: a link to its run, with the run's state and what is unusual in its settings."""

    run: RunView
    url: str
    current: bool
    size: str
    settings: str = ""


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
class Urls:
    """Other views of the query, by name."""

    home: str
    distribution: str
    layers: str
    run: str


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
    urls: Urls
    again: str = ""
    others: OtherCompletions | None = None
    subject: SubjectView | None = None
    take: TakeView | None = None
    why_raw: str = ""
    detail: RunDetail | None = None
    listing: ListView | None = None
    profile: ProfileView | None = None
    histogram: HistogramChart | None = None
    distribution: DistributionView | None = None
    layers: LayersTab | None = None
    compare: str | None = None
    model: ModelView | None = None
    candidates: CandidatesView | None = None
