"""Where the sequences of a tokenised corpus lie in its documents, read from disk without the worker."""

from collections.abc import Iterable
from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Query, Run, TokenizedCorpus
from app.services import arrow_tables, corpora


@dataclass(frozen=True)
class Piece:
    """The tokens of a document that a sequence holds: `count` of them from the document's `start` on."""

    document: int
    start: int
    count: int


@dataclass(frozen=True)
class CutSequences:
    """The sequences of a tokenised corpus as a run saw them; `fingerprints` are those of runs that saw the same."""

    tokenizer_fingerprint: str
    fingerprints: frozenset[str]
    table: Any
    packed: bool

    def __len__(self) -> int:
        """How many there are."""
        return int(self.table.num_rows)

    def pieces(self, sequence: int, lead: int) -> list[Piece]:
        """What a sequence holds of which documents, in order; `lead` tokens of its own stand before them."""
        if self.packed:
            flat = self.table["held"][sequence].as_py()
            return [Piece(flat[at], flat[at + 1], flat[at + 3]) for at in range(0, len(flat), 4)]
        row = self.table.slice(sequence, 1)
        count = len(row["ids"][0]) - lead
        return [Piece(row["document"][0].as_py(), row["start"][0].as_py(), count)]

    def of_document(self, document: int) -> list[int]:
        """The sequences that hold some of a document, in order."""
        return self.of_documents([document])[document]

    def of_documents(self, documents: Iterable[int]) -> dict[int, list[int]]:
        """The sequences that hold some of each document, in order; all are looked for at once."""
        found: dict[int, dict[int, None]] = {document: {} for document in documents}
        wanted, before = np.array(list(found), dtype=np.int64), 0
        for chunk in self.table["held" if self.packed else "document"].chunks:
            held = _holders(chunk) if self.packed else chunk.to_numpy(zero_copy_only=False)
            rows = np.arange(len(chunk)) if not self.packed else _rows(chunk)
            for at in np.flatnonzero(np.isin(held, wanted)):
                found[int(held[at])][int(rows[at]) + before] = None
            before += len(chunk)
        return {document: list(holders) for document, holders in found.items()}


def _holders(chunk: Any) -> NDArray[np.int32]:
    """The documents that each entry of packed sequences names."""
    flat: NDArray[np.int32] = chunk.flatten().to_numpy(zero_copy_only=False)
    return flat[::4]


def _rows(chunk: Any) -> NDArray[np.int64]:
    """The sequence of each entry."""
    ends = np.asarray(chunk.offsets)
    return np.repeat(np.arange(len(chunk)), np.diff(ends) // 4)


def of_run(session: Session, home: Path, run: Run) -> CutSequences | None:
    """The sequences that a run scored; None where they were given with the query, or nobody knows them any more.

    Raises: Conflict where their folder is not on this machine.
    """
    query = session.get_one(Query, run.query_id)
    if query.candidates is not None or run.corpus_fingerprint is None:
        return None
    for one in of_corpus(session, home, query.corpus):
        if run.corpus_fingerprint in one.fingerprints and run.tokenizer_fingerprint == one.tokenizer_fingerprint:
            return one
    return None


def of_corpus(session: Session, home: Path, corpus: str) -> list[CutSequences]:
    """Every way in which tokenizers cut a corpus. Raises: Conflict where a folder is not on this machine."""
    chosen = select(TokenizedCorpus).where(TokenizedCorpus.corpus == corpus).order_by(TokenizedCorpus.id)
    return [_opened(home, row) for row in session.scalars(chosen)]


def _opened(home: Path, row: TokenizedCorpus) -> CutSequences:
    states: Many[corpora.Part] = corpora.cut_parts(row)
    table = arrow_tables.table(*(home / state["path"] for state in states if state["path"]))
    return CutSequences(
        tokenizer_fingerprint=row.tokenizer_fingerprint,
        # Sequences keep their places as the corpus grows, so runs of any time number them alike.
        fingerprints=frozenset(state["fingerprint"] for state in states),
        table=table,
        packed="held" in table.column_names,
    )
