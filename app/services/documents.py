"""The documents of a corpus as they lie on disk: one by its id, those beside it, and pages of them."""

import json
from bisect import bisect_right
from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.models import Corpus
from app.services import arrow_tables, corpora
from app.services.errors import Conflict, NotFound

HEAD = 240


@dataclass(frozen=True)
class StoredDocument:
    """A document whole; `number` is its place in the corpus, from 0, `metadata` its other fields."""

    number: int
    id: str
    kind: str | None
    source: str
    text: str
    metadata: dict[str, Any] | None


@dataclass(frozen=True)
class DocumentHead:
    """A document as a list shows it: the first characters of its text, and how many there are."""

    number: int
    id: str
    kind: str | None
    source: str
    beginning: str
    characters: int


# The place before the first document.
START = -1


@dataclass(frozen=True)
class Heads:
    """Some documents of a list, out of `total`, of which `offset` stand before them.

    before: behind which place in the corpus as many others stand before these; None at the list's start.
    """

    rows: list[DocumentHead]
    offset: int
    total: int
    before: int | None


class StoredDocuments:
    """The documents of a corpus, memory-mapped: only what is asked for is read.

    begins_with: the fingerprint of its first part, which stays as the corpus grows.
    """

    def __init__(self, home: Path, corpus: Corpus) -> None:
        """Raises: Conflict where the corpus has not been read yet, or its folder is not on this machine."""
        parts = corpora.parts(corpus)
        if not parts:
            raise Conflict(
                f"The corpus {corpus.name!r} has not been read yet.",
                "It is read when a worker first needs it: start one with `influence worker`.",
            )
        self._corpus = corpus.name
        self.begins_with: str = parts[0]["fingerprint"]
        self._table = arrow_tables.table(*(home / part["path"] for part in parts))

    def __len__(self) -> int:
        """How many there are."""
        return int(self._table.num_rows)

    def __getitem__(self, number: int) -> StoredDocument:
        """The document at a place."""
        row = self._table.slice(number, 1).to_pylist()[0]
        told = row.get("metadata")
        fields = {name: row.get(name) for name in ("id", "kind", "source", "text")}
        return StoredDocument(number=number, metadata=None if told is None else json.loads(told), **fields)

    def number(self, document: str) -> int:
        """The place of a document. Raises: NotFound."""
        import pyarrow.compute as compute  # type: ignore[import-untyped]

        found = int(compute.index(self._table["id"], document).as_py())
        if found < 0:
            raise NotFound(
                f"The corpus {self._corpus!r} holds no document {document!r}.",
                f"Look for it at /corpora/{self._corpus}.",
            )
        return found

    def id(self, number: int) -> str | None:
        """The id of the document at a place; None before the first and after the last."""
        return str(self._table["id"][number].as_py()) if 0 <= number < len(self) else None

    def page(self, after: int = START, offset: int = 0, limit: int = 50, find: str = "") -> Heads:
        """Documents behind the place `after`, in the corpus's order; with `find` those whose id holds it.

        offset: how many of them to pass over. Upper and lower case are alike.
        """
        every = self._listed(find)
        first = min(bisect_right(every, min(after, len(self))) + offset, len(every))
        chosen = every[first : first + limit]
        before = None if not first else START if first <= limit else int(every[first - limit - 1])
        return Heads([self._head(int(number)) for number in chosen], first, len(every), before)

    def _listed(self, find: str) -> Many[int]:
        """The places of the documents whose id holds `find`, in order."""
        import pyarrow.compute as compute

        if not find:
            return range(len(self))
        # Lower case on both sides: arrow's own way to ignore case takes twice the time.
        sought = compute.utf8_lower(find).as_py()
        holds = compute.match_substring(compute.utf8_lower(self._table["id"]), sought)
        found: Many[int] = compute.indices_nonzero(holds).to_numpy()
        return found

    def _head(self, number: int) -> DocumentHead:
        one = self[number]
        return DocumentHead(number, one.id, one.kind, one.source, one.text[:HEAD], len(one.text))


def of_corpus(session: Session, home: Path, name: str) -> StoredDocuments:
    """The documents of a corpus. Raises: NotFound, Conflict where they cannot be read here."""
    row = session.get(Corpus, name)
    if row is None:
        raise NotFound(f"There is no corpus named {name!r}.", "/corpora shows those there are.")
    return StoredDocuments(home, row)
