"""What people add: labels and notes on a query or a sequence, and collections of them."""

from dataclasses import dataclass

from app.services.shapes import Annotation, CollectionItem, CollectionList, CollectionSummary, CollectionView
from app.services.units import Unit
from app.web.context.shell import FormError


@dataclass(frozen=True)
class SubjectView:
    """A query, or a sequence of a run: its label and note, the collections that hold it, and those that might.

    annotate, collect: where their forms are sent; back: the page that is shown again afterwards.
    """

    what: str
    query: str
    run: str | None
    sequence_id: int | None
    annotation: Annotation | None
    holding: tuple[CollectionSummary, ...]
    others: tuple[CollectionSummary, ...]
    annotate: str
    back: str
    collect: str = "/collections/items"


@dataclass(frozen=True)
class CollectionsPage:
    """`/collections`: every collection, and the form that begins one."""

    found: CollectionList
    next: str | None
    name: str = ""
    description: str = ""
    error: FormError | None = None


@dataclass(frozen=True)
class ItemView:
    """An item of a collection, with its score in the unit of its run."""

    item: CollectionItem
    value: float | None
    unit: Unit


@dataclass(frozen=True)
class CollectionPage:
    """`/collections/{id}`: queries and sequences in their order, each with its notes."""

    collection: CollectionView
    items: tuple[ItemView, ...]
    json: str
    html: str
    error: FormError | None = None
