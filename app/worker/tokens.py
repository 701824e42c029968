"""Training sequences: documents as a tokenizer reads them, cut to length, kept as Arrow, streamed to the engine."""

import hashlib
from collections.abc import Iterator
from collections.abc import Sequence as Series
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.models import Corpus, TokenizedCorpus
from app.services.tokenizing import tokenizer
from app.worker.arrow import Table, read_table, write_table
from app.worker.documents import Documents
from engine import CorpusError, Sequence

LEAST_TOKENS = 2


class TokenSequences(Series[Sequence]):
    """A stretch of a tokenised corpus as the engine wants it: re-iterable, of known length, never all in memory."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @classmethod
    def read(cls, folder: Path) -> "TokenSequences":
        """All sequences of a tokenised corpus."""
        return cls(read_table(folder))

    def __len__(self) -> int:
        """How many sequences."""
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, place: int) -> Sequence: ...
    @overload
    def __getitem__(self, place: slice) -> "TokenSequences": ...
    def __getitem__(self, place: int | slice) -> "Sequence | TokenSequences":
        """One sequence, or a stretch of them that shares the memory."""
        if isinstance(place, slice):
            start, stop, _ = place.indices(len(self))
            return TokenSequences(self._table.slice(start, stop - start))
        return Sequence(self._table["ids"][place].as_py())

    def __iter__(self) -> Iterator[Sequence]:
        """Start again from the first sequence."""
        for batch in self._table.select(["ids"]).to_batches(max_chunksize=1024):
            lists = batch.column(0)
            values, ends = lists.values.to_numpy(), lists.offsets.to_numpy()
            for start, stop in pairwise(ends):
                yield Sequence(values[start:stop].tolist())

    def pick(self, places: NDArray[np.int32]) -> "TokenSequences":
        """The sequences at these places, in their order."""
        return TokenSequences(self._table.take(places))

    def place(self, number: int) -> tuple[int, int]:
        """The document a sequence was cut from, and at which of its tokens it begins."""
        return self._table["document"][number].as_py(), self._table["start"][number].as_py()


def ensure_tokenized(
    sessions: sessionmaker[Session],
    home: Path,
    corpus: str,
    tokenizer_json: str,
    tokenizer_fingerprint: str,
    begins_with: int | None,
    length: int,
) -> TokenizedCorpus:
    """The corpus cut by this tokenizer, made now if nobody has. Raises CorpusError when no sequence comes of it."""
    with sessions() as session:
        found = _find(session, corpus, tokenizer_fingerprint, length)
        documents = session.get_one(Corpus, corpus).path
    if found is not None:
        return found
    folder = home / "corpora" / corpus / "tokens" / f"{tokenizer_fingerprint[:16]}-{length}"
    cut = _Cut(Documents(home / (documents or "")), tokenizer_json, begins_with, length)
    write_table(folder, cut.rows(), _features())
    if cut.sequences == 0:
        raise CorpusError(
            f"The corpus {corpus!r} has no sequence of {LEAST_TOKENS} tokens or more under this tokenizer.",
            "Add longer documents under another name.",
        )
    with writing(sessions) as session:
        # Another worker may have finished the same work meanwhile; both made the same.
        found = _find(session, corpus, tokenizer_fingerprint, length)
        if found is None:
            found = TokenizedCorpus(
                corpus=corpus,
                tokenizer_fingerprint=tokenizer_fingerprint,
                length=length,
                path=str(folder.relative_to(home)),
                sequences=cut.sequences,
                tokens=cut.tokens,
                fingerprint=cut.digest.hexdigest(),
            )
            session.add(found)
            session.flush()
        return found


def _find(session: Session, corpus: str, tokenizer_fingerprint: str, length: int) -> TokenizedCorpus | None:
    return session.scalar(
        select(TokenizedCorpus).where(
            TokenizedCorpus.corpus == corpus,
            TokenizedCorpus.tokenizer_fingerprint == tokenizer_fingerprint,
            TokenizedCorpus.length == length,
        )
    )


def _features() -> dict[str, Any]:
    from datasets import List, Value

    return {"ids": List(Value("int32")), "document": Value("int32"), "start": Value("int32")}


class _Cut:
    """Documents -> sequences of at most `length` tokens, each led by the beginning-of-sequence token if any."""

    def __init__(self, documents: Documents, tokenizer_json: str, begins_with: int | None, length: int) -> None:
        self._documents = documents
        self._tokenizer = tokenizer(tokenizer_json)
        self._lead = [] if begins_with is None else [begins_with]
        self._step = length - len(self._lead)
        self.sequences = 0
        self.tokens = 0
        self.digest = hashlib.sha256()

    def rows(self) -> Iterator[dict[str, Any]]:
        number = 0
        for texts in self._documents.texts():
            for encoded in self._tokenizer.encode_batch(texts, add_special_tokens=False):
                yield from self._pieces(number, encoded.ids)
                number += 1

    def _pieces(self, document: int, ids: list[int]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(ids), self._step):
            piece = [*self._lead, *ids[start : start + self._step]]
            if len(piece) < LEAST_TOKENS:
                continue
            self.sequences += 1
            self.tokens += len(piece)
            self.digest.update(np.asarray([len(piece), *piece], dtype="<i4").tobytes())
            yield {"ids": piece, "document": document, "start": start}
