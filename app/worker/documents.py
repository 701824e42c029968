"""Training documents: taken in from their source, kept as Arrow under the data folder, found again by number."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session, sessionmaker

from app.columns import now
from app.database import writing
from app.models import Corpus
from app.services import corpora
from app.services.errors import Conflict, InvalidInput, NotFound
from app.services.registry import check_name
from app.services.shapes import Reading, Skipped, SkippedRow
from app.worker.arrow import Table, read_table, write_table
from app.worker.reading import BLANK, Document, read_documents
from app.worker.seen import Seen
from app.worker.sources import Refused

__all__ = ["Document", "Documents", "add_corpus", "append_corpus", "ensure_documents", "take_in"]

FIELDS = ("id", "kind", "source", "text", "metadata")
BATCH_CHARACTERS = 2_000_000


def take_in(sessions: sessionmaker[Session], home: Path, name: str, source: str, reading: Reading = Reading()) -> bool:
    """Make a corpus of a source; False when it is there. Raises as `add_corpus` does, and for a damaged source."""
    return add_corpus(sessions, home, name, source, read_documents(source, reading, name), reading)


def add_corpus(
    sessions: sessionmaker[Session],
    home: Path,
    name: str,
    source: str,
    documents: Iterable[Document | Refused],
    reading: Reading = Reading(),
) -> bool:
    """Write the documents under the data folder and put the corpus on the list; False when it is there.

    Raises Conflict when the name belongs to other content, InvalidInput where no row gives a document.
    """
    check_name(name)
    summary = _Summary()
    with sessions() as session:
        known = session.get(Corpus, name)
    if known is not None and known.path is not None:
        for _ in summary.over(documents):
            pass
        _require_same(known, summary, reading)
        return False
    folder = home / "corpora" / name / "documents"
    write_table(folder, (vars(one) for one in summary.over(documents)), _features(), replace=True)
    part = summary.part(folder.relative_to(home), source)
    with writing(sessions) as session:
        session.merge(
            Corpus(
                name=name,
                source=source,
                state="ready",
                problem=None,
                remedy=None,
                path=part["path"],
                documents=summary.documents,
                kinds=corpora.all_kinds({}, summary.kinds),
                parts=[part],
                reading=reading.model_dump(),
                skipped=summary.skipped.model_dump(),
                fingerprint=summary.fingerprint,
            )
        )
    return True


def _require_same(known: Corpus, summary: "_Summary", reading: Reading) -> None:
    """The same source read in the same way changes nothing, whatever was put behind it since."""
    cut = corpora.reading(known).sequences
    if cut != reading.sequences:
        raise Conflict(f"The corpus {known.name!r} is there with --sequences {cut}.", "Add it under another name.")
    if corpora.parts(known)[0]["fingerprint"] != summary.fingerprint:
        raise Conflict(
            f"The corpus {known.name!r} has other content.",
            f"Add it under another name, or behind what is there: `influence corpus append {known.name} SOURCE`.",
        )


def append_corpus(
    sessions: sessionmaker[Session], home: Path, name: str, source: str, reading: Reading | None = None
) -> int:
    """Put the documents of a source behind those of a corpus; returns how many.

    They are read as the first ones were unless `reading` says otherwise; how documents become sequences stays. A
    document whose id is taken is left out. What is there never changes, so scans that are running go on.

    Raises: NotFound, InvalidInput where nothing is new, Conflict when somebody else appended meanwhile.
    """
    with sessions() as session:
        if session.get(Corpus, name) is None:
            raise NotFound(f"There is no corpus named {name!r}.", "`influence corpus list` shows those there are.")
    ensure_documents(sessions, home, name)
    with sessions() as session:
        known = session.get_one(Corpus, name)
    before = corpora.parts(known)
    chosen = reading or corpora.reading(known).model_copy(
        update={"format": None, "config": None, "split": None, "revision": None}
    )
    # A name of its own: another process may be appending to the same corpus.
    folder = home / "corpora" / name / f"documents-{uuid4().hex[:8]}"
    summary = _Summary()
    fresh = read_documents(source, chosen, f"{name}-{len(before) + 1}", _ids(Documents.of(home, known)))
    write_table(folder, (vars(one) for one in summary.over(fresh)), _features())
    part = summary.part(folder.relative_to(home), source)
    try:
        _grow(sessions, name, before, part, summary)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return summary.documents


def _grow(
    sessions: sessionmaker[Session], name: str, before: list[corpora.Part], part: corpora.Part, summary: "_Summary"
) -> None:
    with writing(sessions) as session:
        row = session.get_one(Corpus, name, with_for_update=True)
        if len(corpora.parts(row)) != len(before):
            raise Conflict(f"Somebody else put documents into the corpus {name!r} meanwhile.", "Append them again.")
        row.parts = [*before, part]
        row.documents += summary.documents
        row.kinds = corpora.all_kinds(row.kinds, summary.kinds)
        row.skipped = corpora.all_skipped(Skipped.model_validate(row.skipped), summary.skipped).model_dump()
        row.fingerprint = corpora.chained([one["fingerprint"] for one in row.parts])


def _ids(documents: "Documents") -> Seen:
    seen = Seen()
    for names in documents.column("id"):
        for name in names:
            seen.add(name)
    return seen


def ensure_documents(sessions: sessionmaker[Session], home: Path, name: str) -> None:
    """Read an announced corpus from its source, unless that is done. What is wrong with it ends on its row too."""
    with sessions() as session:
        row = session.get_one(Corpus, name)
    if row.path is not None:
        return
    try:
        take_in(sessions, home, name, row.source, corpora.reading(row))
    except InvalidInput as error:
        with writing(sessions) as session:
            row = session.get_one(Corpus, name)
            row.state, row.problem, row.remedy = "failed", error.problem, error.remedy
        raise


class _Summary:
    """Counts and digest of documents as they stream past, and what was left out. Blank documents are left out."""

    def __init__(self) -> None:
        self.documents = 0
        self.kinds: Counter[str] = Counter()
        self._digest = hashlib.sha256()
        self._reasons: Counter[str] = Counter()
        self._first: list[SkippedRow] = []

    def over(self, found: Iterable[Document | Refused]) -> Iterator[Document]:
        for one in found:
            if isinstance(one, Refused):
                self._skip(one.place, one.reason)
            elif not one.text.strip():
                self._skip(f"document {one.id!r}", BLANK)
            else:
                self._count(one)
                yield one

    def _skip(self, place: str, reason: str) -> None:
        self._reasons[reason] += 1
        if len(self._first) < corpora.MOST_SKIPPED:
            self._first.append(SkippedRow(place=place, reason=reason))

    def _count(self, document: Document) -> None:
        self.documents += 1
        kind = document.kind or "other"
        # A field that is different in every document is no kind: it must not fill the memory.
        known = kind in self.kinds or len(self.kinds) < corpora.MOST_KINDS
        self.kinds[kind if known else corpora.OTHER_KINDS] += 1
        fields = [document.id, document.kind, document.source, document.text]
        fields += [] if document.metadata is None else [document.metadata]
        self._digest.update(json.dumps(fields, ensure_ascii=False).encode() + b"\n")

    @property
    def fingerprint(self) -> str:
        return self._digest.hexdigest()

    @property
    def skipped(self) -> Skipped:
        return Skipped(count=self._reasons.total(), reasons=dict(self._reasons), first=self._first)

    def part(self, folder: Path, source: str) -> corpora.Part:
        """What the corpus's row says about them. Raises: InvalidInput when there is none."""
        if not self.documents:
            told = ", ".join(f"{count:,} {reason}" for reason, count in self._reasons.most_common())
            raise InvalidInput(
                f"{source} holds no document with text{f' ({told})' if told else ' that is new'}.",
                "Give a source with texts; --text-field says which field holds them, --format how they are written.",
                "source",
            )
        return {
            "path": str(folder),
            "source": source,
            "documents": self.documents,
            "fingerprint": self.fingerprint,
            "skipped": self._reasons.total(),
            "added_at": now().isoformat(),
        }


def _features() -> dict[str, Any]:
    from datasets import Value

    return {name: Value("string") for name in FIELDS}


class Documents:
    """The documents of a corpus by number, from disk."""

    def __init__(self, *folders: Path) -> None:
        self._table: Table = read_table(*folders)
        self._fields = [name for name in FIELDS if name in self._table.column_names]

    @classmethod
    def of(cls, home: Path, corpus: Corpus) -> "Documents":
        """All documents of a corpus that was read."""
        return cls(*(home / part["path"] for part in corpora.parts(corpus)))

    def __len__(self) -> int:
        """How many there are."""
        return int(self._table.num_rows)

    def __getitem__(self, number: int) -> Document:
        """One document."""
        return Document(**{name: self._table[name][number].as_py() for name in self._fields})

    def column(self, name: str, batch: int = 1000) -> Iterator[list[str]]:
        """One field of all documents in order, some at a time."""
        for part in self._table.select([name]).to_batches(max_chunksize=batch):
            yield part.column(0).to_pylist()

    def texts(self, characters: int = BATCH_CHARACTERS) -> Iterator[list[str]]:
        """All texts in order, about so many characters at a time; a longer text comes alone."""
        held: list[str] = []
        size = 0
        for texts in self.column("text"):
            for text in texts:
                if held and size + len(text) > characters:
                    yield held
                    held, size = [], 0
                held.append(text)
                size += len(text)
        if held:
            yield held
