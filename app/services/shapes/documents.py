"""Documents of a corpus, and what is kept of them."""

from typing import Any

from pydantic import Field

from app.services.shapes.base import Shape, Sign, UnitKey


class KeptPlace(Shape):
    """A sequence in a kept list of a run: where it stands there, and how heavy it is."""

    query: str
    prompt: str
    completion: str
    run: str
    model: str
    sign: Sign
    rank: int
    sequence_id: int
    influence: float
    nats_per_copy: float | None
    unit: UnitKey


class DocumentView(Shape):
    """`GET /api/v1/corpora/{name}/documents/{id}`: a document of a corpus, whole."""

    corpus: str
    id: str
    number: int = Field(description="its place in the corpus, from 0")
    total: int = Field(description="how many documents the corpus holds")
    kind: str | None
    source: str
    text: str
    metadata: dict[str, Any] | None = Field(description="its other fields")
    previous: str | None = Field(description="the id of the document before it")
    next: str | None
    sequences: list[int] = Field(description="the sequences that tokenizers cut from it, by place; the first 200")
    kept: list[KeptPlace] = Field(description="those that any run keeps, heaviest first, at most 100")


class Neighbour(Shape):
    """A sequence next to another in the same document."""

    sequence_id: int
    text: str | None = Field(description="what it holds of the document; null where that is too long to be cut here")
    kept: bool = Field(description="whether the run keeps it")
    sign: Sign | None
    rank: int | None
    influence: float | None


class DocumentPlace(Shape):
    """Where a sequence stands in a document that it holds some of."""

    document: str
    pieces: int | None = Field(description="how many sequences hold some of the document; null where that is unknown")
    place: int | None = Field(description="which of them this one is, from 1")
    previous: Neighbour | None
    next: Neighbour | None


class Surroundings(Shape):
    """Where a kept sequence stands in its documents, and who else keeps it."""

    documents: list[DocumentPlace] = Field(
        description="those that it holds some of, the one it is named after first, then in its order; at most 8"
    )
    left_out: int = Field(description="how many more documents it holds some of")
    elsewhere: list[KeptPlace] = Field(description="other queries' runs that keep it, heaviest first, at most 20")


class DocumentHeadView(Shape):
    """A document as a list shows it."""

    number: int = Field(description="its place in the corpus, from 0")
    id: str
    kind: str | None
    source: str
    beginning: str = Field(description="the first characters of its text")
    characters: int = Field(description="how many the text has")


class DocumentList(Shape):
    """`GET /api/v1/corpora/{name}/documents`: a page of a corpus's documents, in its order."""

    rows: list[DocumentHeadView]
    offset: int
    limit: int
    total: int = Field(description="how many there are; with `find` those whose id holds it")
    previous: str | None = Field(description="the cursor of as many rows before these; null at the start")
    next: str | None = Field(description="the cursor of the rows that follow; null at the end")
