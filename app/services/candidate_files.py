"""Candidates from a file or a text box: one text a line, JSON lines, or CSV."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import PurePath

from app.services.errors import InvalidInput
from app.services.shapes import Candidate

FIELD = "candidates"
csv.field_size_limit(2_000_000)


def parse_file(name: str, content: bytes) -> list[Candidate]:
    """The candidates of a file, read as its name says: .txt, .jsonl or .csv; any other name as a text box is.

    Raises: InvalidInput, which names the line at fault.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"Line {line} of {name} is not UTF-8.", "Save the file as UTF-8.", FIELD) from error
    reader = READERS.get(PurePath(name).suffix.lower(), parse_box)
    return reader(text.replace("\r\n", "\n").replace("\r", "\n"))


def parse_box(text: str) -> list[Candidate]:
    """What a person wrote in a box: JSON lines where every line is a JSON object with a text, else one text a line."""
    lines = _lines_of(text)
    if lines and all(line.lstrip().startswith("{") for line in lines):
        try:
            return parse_json_lines(text)
        except InvalidInput:
            # Lines of code may begin with a brace as well.
            return parse_lines(text)
    return parse_lines(text)


def parse_lines(text: str) -> list[Candidate]:
    """One text a line. Blank lines at the end are left out; others are candidates, and are refused as blank."""
    return [Candidate(text=line) for line in _lines_of(text)]


def parse_json_lines(text: str) -> list[Candidate]:
    """One JSON object a line: `text`, and `id` where known."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            found.append(_object(number, line))
    return found


def _object(number: int, line: str) -> Candidate:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"Line {number} is not JSON: {error}.", "Write one JSON object a line.", FIELD) from error
    text = row.get("text") if isinstance(row, dict) else None
    if not isinstance(text, str):
        raise InvalidInput(f"Line {number} has no text.", 'Give each line a "text" that is a string.', FIELD)
    name = row.get("id")
    return Candidate(id=None if name is None else str(name), text=text)


def parse_csv(text: str) -> list[Candidate]:
    """Rows under a header with `text`, and `id` where known."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if "text" not in (rows.fieldnames or ()):
        named = ", ".join(rows.fieldnames or ()) or "no column"
        raise InvalidInput(f"The file has {named}, and none is named text.", "Name the column of texts text.", FIELD)
    return [Candidate(id=row.get("id") or None, text=row["text"] or "") for row in rows]


def as_text(listed: list[Candidate]) -> str:
    """Candidates as a box shows them, so that `parse_box` reads the same: lines, or JSON lines where lines would lose
    a name or a line break."""
    plain = all(one.id is None and "\n" not in one.text for one in listed)
    lines = "\n".join(one.text for one in listed)
    if plain and parse_box(lines) == listed:
        return lines
    rows = [{"id": one.id, "text": one.text} if one.id else {"text": one.text} for one in listed]
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def _lines_of(text: str) -> list[str]:
    """The lines, without blank ones at the end."""
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


READERS: dict[str, Callable[[str], list[Candidate]]] = {
    ".txt": parse_lines,
    ".jsonl": parse_json_lines,
    ".ndjson": parse_json_lines,
    ".csv": parse_csv,
}
