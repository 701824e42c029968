"""The gallery, and every query."""

from dataclasses import dataclass

from app.services.shapes import QuerySummary
from app.services.units import Unit
from app.web.tokens import Snippet


@dataclass(frozen=True)
class AnswerLine:
    """The first line of an answer: the heaviest sequence that raises log p, and whose answer it is."""

    model: str
    url: str
    snippet: Snippet
    value: float
    unit: Unit
    document: str


@dataclass(frozen=True)
class Entry:
    """A query in a list, with the first line of its answer once there is one."""

    query: QuerySummary
    answer: AnswerLine | None


@dataclass(frozen=True)
class QueryGroup:
    """Queries of one kind in the gallery."""

    kind: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class GalleryPage:
    """`/`: curated queries by kind with the first line of their answers, recent ones, and what can be asked."""

    groups: tuple[QueryGroup, ...]
    recent: tuple[Entry, ...]
    more: bool


@dataclass(frozen=True)
class Filter:
    """A choice that narrows the list: the values there are, and the one that is chosen."""

    name: str
    label: str
    values: tuple[str, ...]
    chosen: str | None


@dataclass(frozen=True)
class QueriesPage:
    """`/queries`: every query, newest first, narrowed as the address says."""

    entries: tuple[Entry, ...]
    find: str
    filters: tuple[Filter, ...]
    narrowed: bool
    batch: str | None
    first: int
    last: int
    total: int
    previous: str | None
    next: str | None
    twins: tuple[tuple[str, str], ...]
