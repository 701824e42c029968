"""Training sequences: documents as a tokenizer reads them, kept as Arrow, streamed to the engine."""

from collections.abc import Iterator
from collections.abc import Sequence as Series
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.models import Corpus, TokenizedCorpus
from app.services import corpora
from app.worker.arrow import Table, read_table, write_table
from app.worker.cutting import FEATURES, LEAST_TOKENS, Cutter, Held, Reader, Tally
from app.worker.documents import Documents
from app.worker.progress import Report
from engine import CorpusError, Progress, Sequence

TOKENIZING = "tokenizing"


class TokenSequences(Series[Sequence]):
    """A stretch of a tokenised corpus as the engine wants it: re-iterable, of known length, never all in memory."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @classmethod
    def read(cls, *folders: Path) -> "TokenSequences":
        """All sequences of a tokenised corpus, whose parts lie in these folders."""
        return cls(read_table(*folders))

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
        for ids in self.arrays():
            yield Sequence(ids.tolist())

    def arrays(self) -> Iterator[NDArray[np.int32]]:
        """The ids of each sequence in order, without a copy."""
        for batch in self._table.select(["ids"]).to_batches(max_chunksize=1024):
            lists = batch.column(0)
            values, ends = lists.values.to_numpy(), lists.offsets.to_numpy()
            for start, stop in pairwise(ends):
                yield values[start:stop]

    def pick(self, places: NDArray[np.int32]) -> "TokenSequences":
        """The sequences at these places, in their order."""
        return TokenSequences(self._table.take(places))

    def held(self, number: int, lead: int) -> tuple[Held, ...]:
        """The documents that a sequence was cut from, in order; `lead` tokens of its own stand before them."""
        if "held" in self._table.column_names:
            numbers = self._table["held"][number].as_py()
            return tuple(Held(*numbers[at : at + 4]) for at in range(0, len(numbers), 4))
        document, start = self._table["document"][number].as_py(), self._table["start"][number].as_py()
        return (Held(document, start, lead, len(self[number].ids) - lead),)


@dataclass(frozen=True)
class Cut:
    """A corpus as a tokenizer cut it, at one time: `later` are the fingerprints that it had when it had grown since."""

    id: int
    corpus: str
    tokenizer_fingerprint: str
    length: int
    paths: tuple[str, ...]
    documents: int
    sequences: int
    tokens: int
    fingerprint: str
    later: frozenset[str] = frozenset()

    @classmethod
    def of(cls, row: TokenizedCorpus, sequences: int | None = None) -> "Cut":
        """As it stands, or as it stood when it had so many sequences."""
        states = corpora.cut_parts(row)
        known = [number for number, state in enumerate(states) if sequences in (None, state["sequences"])]
        last = known[-1] if known else len(states) - 1
        return cls(
            id=row.id,
            corpus=row.corpus,
            tokenizer_fingerprint=row.tokenizer_fingerprint,
            length=row.length,
            paths=tuple(state["path"] for state in states[: last + 1] if state["path"]),
            documents=states[last]["documents"] or 0,
            sequences=states[last]["sequences"],
            tokens=states[last]["tokens"],
            fingerprint=states[last]["fingerprint"],
            later=frozenset(state["fingerprint"] for state in states[last + 1 :]),
        )

    def opened(self, home: Path) -> TokenSequences:
        """Its sequences, from disk."""
        return TokenSequences.read(*(home / path for path in self.paths))


def ensure_tokenized(
    sessions: sessionmaker[Session], home: Path, corpus: str, reader: Reader, report: Report, sequences: int | None
) -> Cut:
    """The corpus cut by this tokenizer: made now, or grown, where documents are there that nobody has cut yet.

    With `sequences` it is taken as it stood when it had so many, whatever was put behind them since.

    Raises: CorpusError when no sequence comes of it.
    """
    with sessions() as session:
        row = session.get_one(Corpus, corpus)
        found = _find(session, corpus, reader)
    whole, states = corpora.parts(row), [] if found is None else corpora.cut_parts(found)
    if found is not None and (sequences is not None or len(states) == len(whole)):
        return Cut.of(found, sequences)
    growth = _Growth(home, row, reader, report)
    while len(states) < len(whole):
        states = [*states, growth.further(states)]
        if states[-1]["sequences"]:
            found = _keep(sessions, corpus, reader, states)
    if found is None:
        raise CorpusError(
            f"The corpus {corpus!r} has no sequence of {LEAST_TOKENS} tokens or more under this tokenizer.",
            f"Put longer documents behind them: `influence corpus append {corpus} SOURCE`.",
        )
    return Cut.of(found)


@dataclass(frozen=True)
class _Growth:
    """Cutting the parts of a corpus that are not cut yet, one by one."""

    home: Path
    corpus: Corpus
    reader: Reader
    report: Report

    def further(self, states: list[corpora.Part]) -> corpora.Part:
        """Cut the next part; returns what there is in all with it. Sequences that are there keep their places."""
        part, total = corpora.parts(self.corpus)[len(states)], self.corpus.documents
        before = sum(one["documents"] for one in corpora.parts(self.corpus)[: len(states)])
        folder = self._folder(len(states))
        tally = self._tally(states)
        documents = Documents(self.home / part["path"])
        cutter = Cutter(self.reader, corpora.reading(self.corpus).sequences, tally)
        self.report(Progress(TOKENIZING, before, total))
        rows = cutter.rows(documents.texts(), before, lambda done: self.report(Progress(TOKENIZING, done, total)))
        written = write_table(folder, rows, FEATURES[corpora.reading(self.corpus).sequences]())
        return {
            "path": str(folder.relative_to(self.home)) if written else None,
            "documents": before + len(documents),
            "sequences": tally.sequences,
            "tokens": tally.tokens,
            "fingerprint": tally.fingerprint,
        }

    def _folder(self, number: int) -> Path:
        name = f"{self.reader.fingerprint[:16]}-{self.reader.length}"
        # What lies there already is the same: a part never changes, nor does its place.
        return self.home / "corpora" / self.corpus.name / "tokens" / (f"{name}-part{number + 1}" if number else name)

    def _tally(self, states: list[corpora.Part]) -> Tally:
        """Counts and digest of all sequences that are there."""
        tally = Tally()
        folders = [self.home / state["path"] for state in states if state["path"]]
        for ids in TokenSequences.read(*folders).arrays() if folders else ():
            tally.count(ids)
        return tally


def _keep(sessions: sessionmaker[Session], corpus: str, reader: Reader, states: list[corpora.Part]) -> TokenizedCorpus:
    """Put what was cut on its row. Another worker may have done the same work meanwhile; both made the same."""
    last = states[-1]
    with writing(sessions) as session:
        session.get_one(Corpus, corpus, with_for_update=True)
        found = _find(session, corpus, reader)
        if found is None:
            found = TokenizedCorpus(
                corpus=corpus, tokenizer_fingerprint=reader.fingerprint, length=reader.length, parts=[], sequences=0
            )
            session.add(found)
        elif len(corpora.cut_parts(found)) >= len(states):
            return found
        found.parts = states
        found.path = next(state["path"] for state in states if state["path"])
        found.documents, found.sequences, found.tokens = last["documents"], last["sequences"], last["tokens"]
        found.fingerprint = last["fingerprint"]
        # The lexical index and the duplicates are those of fewer sequences, and are made again when they are needed.
        found.lexical_path = found.lexical_bytes = found.duplicates_path = found.duplicates = None
        session.flush()
        return found


def _find(session: Session, corpus: str, reader: Reader) -> TokenizedCorpus | None:
    return session.scalar(
        select(TokenizedCorpus).where(
            TokenizedCorpus.corpus == corpus,
            TokenizedCorpus.tokenizer_fingerprint == reader.fingerprint,
            TokenizedCorpus.length == reader.length,
        )
    )
