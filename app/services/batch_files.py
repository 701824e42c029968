"""Rows of queries from a file: CSV with a header, or JSON lines. What cannot be read is a fault of its line."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.services import question
from app.services.errors import InvalidInput
from app.services.shapes.batches import MOST_ROWS, BatchFault

FIELD = "text"
PLAIN = ("prompt", "completion", "format", "system", "against", "writer", "corpus", "scope", "keep")
SHOWN = ("title", "note")
WRITING = ("max_tokens", "temperature", "seed")
SETTINGS = ("damping", "rank", "precision")
MANY = ("models", "completions", "candidates", "counted", "count")
COLUMNS = (*PLAIN, *MANY, *WRITING, *SETTINGS, *SHOWN)
# Fields that JSON lines may give as the API does.
NESTED = ("writing", "settings")
ALIASES = {"model": "models", "max": "max_tokens"}
DELIMITERS = ",;\t"
STRETCHES = re.compile(r"\s*(\d{1,9}-\d{1,9}[\s,]*)+")
csv.field_size_limit(2_000_000)


@dataclass(frozen=True)
class Row:
    """A row of a file: the line on which it begins and what it gives, or what is wrong with it."""

    line: int
    given: dict[str, Any]
    fault: BatchFault | None = None


def decoded(name: str, content: bytes) -> str:
    """The text of a file, without a byte order mark. Raises: InvalidInput, naming the line that is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"Line {line} of {name} is not UTF-8.", "Save the file as UTF-8.", FIELD) from error


def parse(text: str, kind: str | None = None) -> list[Row]:
    """The rows of a CSV file or of JSON lines; a text that begins with a brace or a bracket is the latter.

    Raises: InvalidInput where it is no such file, has no row, or more than are taken.
    """
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not plain.strip():
        raise _no_query()
    lines = kind == "jsonl" or (kind is None and plain.lstrip()[:1] in ("{", "["))
    rows = list(_json(plain) if lines else _csv(plain))
    if not rows:
        raise _no_query()
    return at_most(rows)


def _no_query() -> InvalidInput:
    remedy = "Write a header with `prompt` and `completion`, and a line for each query."
    return InvalidInput("The file has no query.", remedy, FIELD)


def at_most(rows: list[Row]) -> list[Row]:
    """The rows, if there are not too many. Raises: InvalidInput."""
    if len(rows) > MOST_ROWS:
        raise InvalidInput(
            f"The file has {len(rows):,} queries; {MOST_ROWS:,} is the most.", "Ask them in several files.", FIELD
        )
    return rows


def _csv(text: str) -> Iterator[Row]:
    header = text.lstrip("\n").split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=header.count), strict=True)
    try:
        names = _names(next((cells for cells in reader if any(cell.strip() for cell in cells)), []))
        start = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _csv_row(start, names, cells)
            start = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(
            f"Line {reader.line_num} cannot be read as CSV: {error}.",
            "Put a cell that holds a quote, a line break or the separator in quotes, and double its quotes.",
            FIELD,
        ) from error


def _names(header: list[str]) -> list[str]:
    """The columns by the fields that they give. Raises: InvalidInput for one that is no field, and for none at all."""
    names = [cell.strip().lower().replace(" ", "_") for cell in header]
    names = [ALIASES.get(name, name) for name in names]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "prompt" not in names:
        told = f"The column {unknown[0]!r} is no field of a query." if unknown else "No column is named prompt."
        raise InvalidInput(told, f"The first line names the columns; these are known: {', '.join(COLUMNS)}.", FIELD)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"Two columns are named {twice!r}.", "Leave one of them out.", FIELD)
    return names


def _csv_row(line: int, names: list[str], cells: list[str]) -> Row:
    if len(cells) > len(names):
        problem = f"It has {len(cells)} cells; the header has {len(names)}."
        remedy = "Put a cell that holds the separator in quotes."
        return Row(line, {}, BatchFault(line=line, field="", problem=problem, remedy=remedy))
    # An empty cell says nothing: the form's choice is taken.
    return Row(line, {name: cell for name, cell in zip(names, cells, strict=False) if cell.strip()})


def _json(text: str) -> Iterator[Row]:
    if text.lstrip().startswith("["):
        try:
            listed = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidInput(
                f"Line {error.lineno} is not JSON: {error.msg}.", "Write a list of objects.", FIELD
            ) from error
        yield from (_object(number, row) for number, row in enumerate(listed, start=1))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield _object(number, json.loads(line))
            except (json.JSONDecodeError, RecursionError) as error:
                told = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deeply"
                fault = BatchFault(
                    line=number, field="", problem=f"It is not JSON: {told}.", remedy="Write one JSON object a line."
                )
                yield Row(number, {}, fault)


def of_objects(rows: list[dict[str, Any]]) -> list[Row]:
    """Rows that were sent as JSON, numbered from 1."""
    return [_object(number, row) for number, row in enumerate(rows, start=1)]


def _object(number: int, row: object) -> Row:
    if not isinstance(row, dict):
        fault = BatchFault(line=number, field="", problem="It is no JSON object.", remedy='Write {"prompt": …}.')
        return Row(number, {}, fault)
    given = {ALIASES.get(str(name), str(name)): value for name, value in row.items() if value is not None}
    unknown = next((name for name in given if name not in (*COLUMNS, *NESTED)), None)
    if unknown is not None:
        problem, remedy = f"{unknown!r} is no field of a query.", f"These are known: {', '.join(COLUMNS)}."
        return Row(number, {}, BatchFault(line=number, field=str(unknown), problem=problem, remedy=remedy))
    return Row(number, given)


def fields(given: dict[str, Any]) -> dict[str, Any]:
    """What a row and the form's choices give, as `QueryForm` has it. Raises: InvalidInput, naming the field."""
    told = {name: given[name] for name in (*PLAIN, *MANY[:3]) if name in given}
    for name, separators in (("models", r"[|,;\s]+"), ("completions", r"\|"), ("candidates", r"\n")):
        if isinstance(told.get(name), str):
            told[name] = _listed(name, told[name], separators)
    counted = _counted(given)
    told |= {} if counted is None else {"counted": counted}
    for group, names in (("writing", WRITING), ("settings", SETTINGS)):
        chosen = {name: given[name] for name in names if name in given}
        if chosen or group in given:
            base = given.get(group, {})
            told[group] = {**base, **chosen} if isinstance(base, dict) else base
    return told


def _listed(name: str, text: str, separators: str) -> list[Any]:
    """Several values of one cell: a JSON list, or separated."""
    if text.lstrip().startswith("["):
        try:
            return list(json.loads(text))
        except (json.JSONDecodeError, TypeError, RecursionError) as error:
            raise InvalidInput(f"{text[:60]!r} is no JSON list.", 'Write it as ["one", "another"].', name) from error
    return [part.strip() for part in re.split(separators, text) if part.strip()]


def _counted(given: dict[str, Any]) -> Any:
    """The stretches of the completion that count, from places or from words."""
    counted = given.get("counted")
    if isinstance(counted, str):
        if not STRETCHES.fullmatch(counted):
            raise InvalidInput(f"{counted!r} is no list of stretches.", "Write it as 0-4 9-12.", "counted")
        return [(int(start), int(stop)) for start, stop in re.findall(r"(\d+)-(\d+)", counted)]
    if counted is None and isinstance(given.get("count"), str):
        return question.stretches_of(given["count"], str(given.get("completion", "")))
    return counted
