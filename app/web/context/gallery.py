"""The gallery, and every query."""

from dataclasses import dataclass

from app.services.shapes import QuerySummary


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
