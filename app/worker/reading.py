"""From the rows of a source to documents: which field is what, and which rows give none."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.services.shapes import Reading
from app.worker.seen import Seen
from app.worker.sources import UNDECODABLE, Refused, Row, rows

BLANK, REPEATED = "blank text", "duplicate id"


@dataclass(frozen=True)
class Document:
    """A training text, what kind it is, where it comes from, and the other fields of its row as a JSON object."""

    id: str
    kind: str | None
    source: str
    text: str
    metadata: str | None = None


def read_documents(
    source: str, reading: Reading, prefix: str, seen: Seen | None = None
) -> Iterator[Document | Refused]:
    """The documents of a source, and in their places the rows that give none.

    A row without an id is called by `prefix` and its number. `seen` holds the ids that are taken, and takes the others.
    """
    taken = Seen() if seen is None else seen
    for row in rows(source, reading):
        found = row if isinstance(row, Refused) else _document(row, reading, prefix)
        if isinstance(found, Document) and not taken.add(found.id):
            yield Refused(f"{row.place}, id {found.id!r}", REPEATED)
        else:
            yield found


def _document(row: Row, reading: Reading, prefix: str) -> Document | Refused:
    text = _text(row.values.get(reading.text_field), reading.text_field)
    if isinstance(text, _Reason):
        return Refused(row.place, text.reason)
    identity, kind, source = (
        row.values.get(field) for field in (reading.id_field, reading.kind_field, reading.source_field)
    )
    return Document(
        id=f"{prefix}-{row.number}" if identity in (None, "") else clean(str(identity)),
        kind=None if kind in (None, "") else clean(str(kind)),
        source=row.source if source in (None, "") else clean(str(source)),
        text=text,
        metadata=_metadata(row.values, reading),
    )


@dataclass(frozen=True)
class _Reason:
    reason: str


def _text(value: Any, field: str) -> str | _Reason:
    if value is None:
        return _Reason(f"no field {field!r}")
    if not isinstance(value, str | bytes):
        return _Reason(f"{field!r} is not a string")
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else value
        text.encode("utf-8")
    except UnicodeError:
        return _Reason(UNDECODABLE)
    return clean(text) if text.strip() else _Reason(BLANK)


def clean(text: str) -> str:
    """The text as a database can hold it: no tokenizer means anything by NUL or by half a pair of surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _metadata(values: Mapping[str, Any], reading: Reading) -> str | None:
    named = {reading.text_field, reading.id_field, reading.kind_field, reading.source_field}
    others = {
        clean(str(name)): _plain(value) for name, value in values.items() if name not in named and value is not None
    }
    return json.dumps(others, ensure_ascii=False) if others and reading.other_fields else None


def _plain(value: Any) -> Any:
    """A value as JSON has it: what JSON does not know is told in words."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return clean(value)
        case bytes():
            return f"{len(value):,} bytes"
        case dict():
            return {clean(str(name)): _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return clean(str(value))
