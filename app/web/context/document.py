"""A document of a corpus."""

from dataclasses import dataclass

from app.services.shapes import DocumentView
from app.web.context.sequence import ElsewhereRow


@dataclass(frozen=True)
class DocumentPage:
    """`/corpora/{name}/documents/{id}`: a document whole, and what is kept of it.

    text: all of it, or its beginning where `whole` is the address that shows all.
    """

    document: DocumentView
    text: str
    characters: int
    whole: str | None
    previous: str | None
    next: str | None
    kept: tuple[ElsewhereRow, ...]
    corpus: str
    json: str
