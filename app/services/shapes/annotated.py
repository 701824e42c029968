"""What people add to results: labels and notes, and collections of queries and sequences."""

from datetime import datetime

from pydantic import Field

from app.services.shapes.base import Shape, Sign

LABEL = "a few words that lists show"
SEQUENCE = "of that run; left out for the query itself"


class AnnotationForm(Shape):
    """A label and a note, of which one may be empty."""

    label: str = Field(default="", max_length=80, description=LABEL, examples=["paraphrase"])
    note: str = Field(default="", max_length=10_000, examples=["Names the ruler in other words than the prompt."])


class Annotation(Shape):
    """The label and the note that people put on a query, or on a sequence of a run."""

    label: str
    note: str
    updated_at: datetime


class Annotated(Annotation):
    """An annotation with what it stands on; `run` and `sequence_id` are null where that is a query."""

    query: str
    run: str | None
    sequence_id: int | None
    url: str = Field(description="the page of what it stands on")


class AnnotatedList(Shape):
    """`GET /api/v1/annotations`: the latest first."""

    rows: list[Annotated]
    next: str | None = Field(description="the cursor of the rows that follow; null at the end")


class CollectionForm(Shape):
    """What a collection is called, and what it is for."""

    name: str = Field(min_length=1, max_length=120, examples=["Paraphrases found"])
    description: str = Field(default="", max_length=10_000)


class ItemForm(Shape):
    """A query, or a sequence of one of its runs, to be put into a collection."""

    query: str = Field(examples=["g4u4cgh4jo"])
    run: str | None = Field(default=None, description=SEQUENCE)
    sequence_id: int | None = Field(default=None, ge=0, le=2**63 - 1, description=SEQUENCE)
    note: str = Field(default="", max_length=10_000, description="why it is in the collection")


class ItemChange(Shape):
    """What is to change about an item; what is left out stays."""

    note: str | None = Field(default=None, max_length=10_000)
    place: int | None = Field(default=None, ge=1, le=1_000, description="its place in the order, from 1")


class CollectionItem(Shape):
    """A query of a collection, or a sequence of a run with its score."""

    id: int
    place: int
    note: str
    query: str
    prompt: str
    completion: str
    url: str
    run: str | None
    model: str | None = Field(description="the run's; null for a query")
    sequence_id: int | None
    sign: Sign | None
    rank: int | None = Field(description="null for a query, and for a sequence that its run no longer keeps")
    influence: float | None
    nats_per_copy: float | None = Field(description="null also where N is not known")
    document: str | None
    text: str | None = Field(description="the sequence's")
    annotation: Annotation | None
    added_at: datetime


class CollectionSummary(Shape):
    """A line of `GET /api/v1/collections`."""

    id: str
    url: str
    name: str
    description: str
    items: int
    created_at: datetime
    updated_at: datetime


class CollectionList(Shape):
    """`GET /api/v1/collections`: the newest first."""

    rows: list[CollectionSummary]
    next: str | None = Field(description="the cursor of the rows that follow; null at the end")


class CollectionView(CollectionSummary):
    """`GET /api/v1/collections/{id}`: with its items in their order."""

    contents: list[CollectionItem]
