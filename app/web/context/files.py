"""Results as files that open offline: a list, a sequence, a collection."""

from dataclasses import dataclass

from app.services.shapes import CollectionView, InfluenceDetail, InfluencePage, QueryView, RunDetail, RunView
from app.services.units import Unit
from app.web.context.kept import ItemView
from app.web.context.listed import ListRow
from app.web.context.query import ProfileView
from app.web.context.sequence import GridRow
from app.web.context.spread import DistributionView
from app.web.tokens import Piece


@dataclass(frozen=True)
class Origin:
    """Where a file that opens offline comes from: the address of its page, the release, the moment, its citation."""

    url: str
    server: str
    release: str
    made: str
    citation: str


@dataclass(frozen=True)
class ResultFile:
    """A run's list of one sign in one HTML file, with what made it; names are those of the page of a query."""

    css: str
    origin: Origin
    query: QueryView
    run: RunView
    detail: RunDetail
    listing: InfluencePage
    told: str
    rows: tuple[ListRow, ...]
    unit: Unit
    why_raw: str
    profile: ProfileView | None
    distribution: DistributionView | None


@dataclass(frozen=True)
class SequenceFile:
    """A sequence of a run in one HTML file: its tokens, and its influence by token and layer."""

    css: str
    origin: Origin
    query: QueryView
    run: RunDetail
    detail: InfluenceDetail
    unit: Unit
    why_raw: str
    value: float
    pieces: tuple[Piece, ...]
    grid: tuple[GridRow, ...]
    profile: ProfileView


@dataclass(frozen=True)
class CollectionFile:
    """A collection in one HTML file."""

    css: str
    origin: Origin
    collection: CollectionView
    items: tuple[ItemView, ...]
