"""Documents cut into training sequences: each by itself, or packed one after another."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from app.services.shapes import Sequencing
from app.services.tokenizing import tokenizer

LEAST_TOKENS = 2
Row = dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """How a model reads text: its tokenizer's definition, and the special tokens that sequences are made with.

    begins_with: stands in front of every sequence. separator: stands between documents that are packed.
    length: tokens of a sequence at most, all counted.
    """

    definition: str
    fingerprint: str
    begins_with: int | None
    separator: int | None
    length: int

    @property
    def lead(self) -> list[int]:
        """What stands in front of every sequence."""
        return [] if self.begins_with is None else [self.begins_with]


@dataclass(frozen=True)
class Held:
    """A stretch of a document in a sequence: `count` of its tokens from `start` on, at position `first` there."""

    document: int
    start: int
    first: int
    count: int


@dataclass
class Tally:
    """Counts and digest of sequences as they stream past."""

    sequences: int = 0
    tokens: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)

    def count(self, ids: ArrayLike) -> None:
        """Take in one sequence. The digest is that of the engine's lexical index: lengths and ids as 32 bits."""
        whole = np.asarray(ids, dtype="<i4")
        self._digest.update(len(whole).to_bytes(4, "little") + whole.tobytes())
        self.sequences += 1
        self.tokens += len(whole)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all sequences so far."""
        return str(self._digest.hexdigest())


def _features_of_documents() -> dict[str, Any]:
    from datasets import List, Value

    return {"ids": List(Value("int32")), "document": Value("int32"), "start": Value("int32")}


def _features_of_packed() -> dict[str, Any]:
    from datasets import List, Value

    # `held` is a `Held` after another, four numbers each.
    return {"ids": List(Value("int32")), "held": List(Value("int32"))}


FEATURES: dict[Sequencing, Callable[[], dict[str, Any]]] = {
    "documents": _features_of_documents,
    "packed": _features_of_packed,
}


class Cutter:
    """Texts -> sequences of at most `length` tokens, each led by the beginning-of-sequence token if any."""

    def __init__(self, reader: Reader, sequencing: Sequencing, tally: Tally) -> None:
        self._reader = reader
        self._tokenizer = tokenizer(reader.definition)
        self._step = reader.length - len(reader.lead)
        self._way = {"documents": self._each, "packed": self._packed}[sequencing]
        self._tally = tally

    def rows(self, texts: Iterable[list[str]], first: int, told: Callable[[int], None]) -> Iterator[Row]:
        """The sequences of texts, whose first document has the number `first`.

        `told` is called after each batch with the number of the next document; batches are read on all cores.
        """
        yield from self._way(self._read(texts, first, told))

    def _read(self, texts: Iterable[list[str]], first: int, told: Callable[[int], None]) -> Iterator[tuple[int, Any]]:
        number = first
        for batch in texts:
            for encoded in self._tokenizer.encode_batch_fast(batch, add_special_tokens=False):
                yield number, encoded.ids
                number += 1
            told(number)

    def _each(self, documents: Iterator[tuple[int, list[int]]]) -> Iterator[Row]:
        for document, ids in documents:
            for start in range(0, len(ids), self._step):
                piece = [*self._reader.lead, *ids[start : start + self._step]]
                if len(piece) >= LEAST_TOKENS:
                    self._tally.count(piece)
                    yield {"ids": piece, "document": document, "start": start}

    def _packed(self, documents: Iterator[tuple[int, list[int]]]) -> Iterator[Row]:
        between = [] if self._reader.separator is None else [self._reader.separator]
        pack, begun = _Pack(self._reader, self._step), False
        for document, ids in documents:
            if not ids:
                continue
            if begun and between:
                yield from self._counted(pack.separated(between))
            begun = True
            yield from self._counted(pack.filled(document, ids))
        yield from self._counted(pack.taken())

    def _counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            # A separator alone is no sequence of a document, and a single token predicts nothing.
            if row["held"] and len(row["ids"]) >= LEAST_TOKENS:
                self._tally.count(row["ids"])
                yield row


class _Pack:
    """The sequence that is being filled."""

    def __init__(self, reader: Reader, step: int) -> None:
        self._lead, self._step = reader.lead, step
        self._ids: list[int] = []
        self._held: list[int] = []

    def filled(self, document: int, ids: list[int]) -> Iterator[Row]:
        """Put a document's tokens in; gives the sequences that are full before there is room for the next token."""
        start = 0
        while start < len(ids):
            yield from self._full()
            piece = ids[start : start + self._step - len(self._ids)]
            self._held += [document, start, len(self._lead) + len(self._ids), len(piece)]
            self._ids += piece
            start += len(piece)

    def separated(self, between: list[int]) -> Iterator[Row]:
        """Put a separator in."""
        yield from self._full()
        self._ids += between

    def _full(self) -> Iterator[Row]:
        if len(self._ids) == self._step:
            yield from self.taken()

    def taken(self) -> Iterator[Row]:
        """What has come together, as it stands."""
        row = {"ids": [*self._lead, *self._ids], "held": self._held}
        self._ids, self._held = [], []
        yield row
