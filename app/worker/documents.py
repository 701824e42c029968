"""Training documents: read from JSON lines, kept as Arrow under the data folder, found again by number."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.models import Corpus
from app.services.errors import Conflict, InvalidInput
from app.services.registry import check_name
from app.worker.arrow import Table, read_table, write_table


@dataclass(frozen=True)
class Document:
    """A training text, what kind it is, and where it comes from."""

    id: str
    kind: str | None
    source: str
    text: str


def read_json_lines(path: Path, name: str) -> Iterator[Document]:
    """Documents of a file with one JSON object a line: `text`, and where known `id`, `kind`, `source`."""
    if not path.is_file():
        raise InvalidInput(f"There is no file {str(path)!r}.", "Give a .jsonl file.", "source")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _document(line, f"line {number} of {path}", f"{name}-{number}", path.name)


def _document(line: str, place: str, default_id: str, default_source: str) -> Document:
    try:
        row: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{place} is not JSON: {error}.", "Write one JSON object a line.", "source") from error
    text = row.get("text") if isinstance(row, dict) else None
    if not isinstance(text, str):
        raise InvalidInput(f"{place} has no text.", 'Give each line a "text" that is a string.', "source")
    kind, source = row.get("kind"), row.get("source")
    # A database cannot hold NUL in text, and no tokenizer means anything by it.
    return Document(
        id=str(row.get("id", default_id)),
        kind=None if kind is None else str(kind),
        source=default_source if source is None else str(source),
        text=text.replace("\0", "\ufffd"),
    )


def add_corpus(
    sessions: sessionmaker[Session], home: Path, name: str, source: str, documents: Iterable[Document]
) -> bool:
    """Write the documents under the data folder and put the corpus on the list; False when it is there.

    Raises Conflict when the name belongs to other content: a corpus never changes.
    """
    check_name(name)
    summary = _Summary()
    folder = home / "corpora" / name / "documents"
    known = _known(sessions, name)
    if known is not None:
        for _ in summary.over(documents):
            pass
        if known != summary.fingerprint:
            raise Conflict(f"The corpus {name!r} has other content.", "Add it under another name.")
        return False
    write_table(folder, (vars(one) for one in summary.over(documents)), _features(), replace=True)
    if not summary.documents:
        raise InvalidInput(f"{source} holds no document with text.", "Give a file with texts.", "source")
    with writing(sessions) as session:
        session.merge(
            Corpus(
                name=name,
                source=source,
                state="ready",
                path=str(folder.relative_to(home)),
                documents=summary.documents,
                kinds=dict(summary.kinds),
                fingerprint=summary.fingerprint,
            )
        )
    return True


def ensure_documents(sessions: sessionmaker[Session], home: Path, name: str) -> None:
    """Read an announced corpus from its file, unless that is done. What is wrong with it ends on its row too."""
    with sessions() as session:
        row = session.get_one(Corpus, name)
    if row.path is not None:
        return
    try:
        add_corpus(sessions, home, name, row.source, read_json_lines(Path(row.source), name))
    except InvalidInput as error:
        with writing(sessions) as session:
            row = session.get_one(Corpus, name)
            row.state, row.problem, row.remedy = "failed", error.problem, error.remedy
        raise


def _known(sessions: sessionmaker[Session], name: str) -> str | None:
    with sessions() as session:
        row = session.get(Corpus, name)
        return None if row is None or row.path is None else row.fingerprint


class _Summary:
    """Counts and digest of documents as they stream past. Blank documents are left out."""

    def __init__(self) -> None:
        self.documents = 0
        self.kinds: Counter[str] = Counter()
        self._digest = hashlib.sha256()

    def over(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            if not document.text.strip():
                continue
            self.documents += 1
            self.kinds[document.kind or "other"] += 1
            self._digest.update(json.dumps(astuple(document), ensure_ascii=False).encode() + b"\n")
            yield document

    @property
    def fingerprint(self) -> str:
        return self._digest.hexdigest()


def _features() -> dict[str, Any]:
    from datasets import Value

    return {name: Value("string") for name in ("id", "kind", "source", "text")}


class Documents:
    """The documents of a corpus by number, from disk."""

    def __init__(self, folder: Path) -> None:
        self._table: Table = read_table(folder)

    def __len__(self) -> int:
        """How many there are."""
        return int(self._table.num_rows)

    def __getitem__(self, number: int) -> Document:
        """One document."""
        return Document(**{name: self._table[name][number].as_py() for name in ("id", "kind", "source", "text")})

    def texts(self, batch: int = 1000) -> Iterator[list[str]]:
        """All texts in order, some at a time."""
        for part in self._table.select(["text"]).to_batches(max_chunksize=batch):
            yield part.column(0).to_pylist()
