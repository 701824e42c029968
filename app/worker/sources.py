"""Sources of documents as rows, each with its place: files, folders, and Hugging Face datasets. One row in memory."""

import codecs
import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as Series
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.services.errors import InvalidInput
from app.services.shapes import Reading, SourceFormat

HUB = "hub:"
ENDINGS: dict[str, SourceFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "text",
}
COMPRESSED = (".gz", ".zst", ".bz2", ".lz4")
BATCH = 256
NO_JSON, NO_OBJECT, NO_CSV, UNDECODABLE = "not JSON", "not a JSON object", "not CSV", "undecodable bytes"


@dataclass(frozen=True)
class Row:
    """A row of a source. `number` counts from 1 and never repeats; `place` says where it stands, for a person."""

    number: int
    place: str
    source: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """A row that gives no document, and why."""

    place: str
    reason: str


Rows = Iterator[Row | Refused]


def rows(source: str, reading: Reading) -> Rows:
    """All rows of a source. What is wrong with a row is told in its place.

    Raises: InvalidInput for a source that is not there, says no format, or is damaged.
    """
    if source.startswith(HUB) or reading.format == "hub":
        return _guarded(source, _hub(source.removeprefix(HUB), reading))
    path = Path(source).expanduser()
    if path.is_dir():
        return _folder(path, reading)
    if not path.is_file():
        raise InvalidInput(
            f"There is no file {str(path)!r}.", f"Give a file, a folder, or `{HUB}NAME` for a dataset.", "source"
        )
    return _file(path, path.name, reading)


def format_of(path: Path) -> SourceFormat | None:
    """The format that a file's name tells, compressed or not."""
    name = path.name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return ENDINGS.get(Path(name).suffix)


def _folder(folder: Path, reading: Reading) -> Rows:
    saved = any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))
    if reading.format == "dataset" or (saved and reading.format is None):
        return _guarded(str(folder), _saved(folder, reading))
    files = {
        path: format_of(path) for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path, folder)
    }
    there = sorted({form for form in files.values() if form is not None})
    if len(there) > 1 and reading.format is None:
        raise InvalidInput(
            f"The folder {str(folder)!r} holds files of several formats: {', '.join(there)}.",
            f"Say which to read: --format {there[0]}.",
            "format",
        )
    only: SourceFormat | None = next(iter(there), None)
    wanted = reading.format or only
    chosen = [path for path, form in files.items() if form is not None and form == wanted]
    if not chosen:
        raise InvalidInput(
            f"The folder {str(folder)!r} holds no file of {'a known format' if wanted is None else wanted}.",
            f"Give a folder with files that end in one of: {', '.join(ENDINGS)}.",
            "source",
        )
    return _one_after_another(folder, chosen, reading)


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _one_after_another(folder: Path, files: Series[Path], reading: Reading) -> Rows:
    before = 0
    for file in files:
        last = 0
        for row in _file(file, file.relative_to(folder).as_posix(), reading):
            if isinstance(row, Row):
                last = row.number
                yield replace(row, number=before + row.number)
            else:
                yield row
        before += last


def _file(path: Path, name: str, reading: Reading) -> Rows:
    form = reading.format or format_of(path)
    reader = None if form is None else READERS.get(form)
    if reader is None:
        raise InvalidInput(
            f"The file {str(path)!r} does not tell its format.",
            f"Say it with --format: one of {', '.join(READERS)}.",
            "format",
        )
    return _guarded(str(path), reader(path, name, reading))


def _guarded(source: str, found: Rows) -> Rows:
    """The rows; what their libraries raise on a damaged source becomes an error that names it."""
    from pyarrow import ArrowException  # type: ignore[import-untyped]

    try:
        yield from found
    except (OSError, EOFError, ArrowException) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInput(
            f"{source} cannot be read to its end: {told}", "Write or fetch it again.", "source"
        ) from error


def _opened(path: Path) -> io.BufferedReader:
    """The bytes of a file, decompressed where its name says so."""
    import pyarrow

    return io.BufferedReader(pyarrow.input_stream(str(path), compression="detect"))


def _json_lines(path: Path, name: str, reading: Reading) -> Rows:  # noqa: ARG001 - one signature for all formats
    with _opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            stripped = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if stripped.strip():
                yield _json_row(stripped, number, f"line {number} of {name}", name)


def _json_row(line: bytes, number: int, place: str, source: str) -> Row | Refused:
    try:
        values = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return Refused(place, UNDECODABLE)
    except (json.JSONDecodeError, RecursionError):
        return Refused(place, NO_JSON)
    return Row(number, place, source, values) if isinstance(values, dict) else Refused(place, NO_OBJECT)


def _separated(path: Path, name: str, delimiter: str) -> Rows:
    csv.field_size_limit(sys.maxsize)
    # Bytes that are not UTF-8 come through as lone surrogates, which are told where the text is looked at.
    with io.TextIOWrapper(_opened(path), encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        table, number = csv.DictReader(text, delimiter=delimiter), 0
        while True:
            number += 1
            place = f"row {number} of {name}"
            try:
                values = next(table)
            except StopIteration:
                return
            except csv.Error:
                yield Refused(place, NO_CSV)
                continue
            yield Row(number, place, name, {key: value for key, value in values.items() if key is not None})


def _csv(path: Path, name: str, reading: Reading) -> Rows:  # noqa: ARG001
    return _separated(path, name, ",")


def _tsv(path: Path, name: str, reading: Reading) -> Rows:  # noqa: ARG001
    return _separated(path, name, "\t")


def _text(path: Path, name: str, reading: Reading) -> Rows:
    """The whole file as one document, named after the file."""
    with _opened(path) as file:
        data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        yield Refused(name, UNDECODABLE)
        return
    yield Row(1, name, name, {reading.id_field: name, reading.text_field: text})


def _parquet(path: Path, name: str, reading: Reading) -> Rows:
    from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped]

    wanted = (reading.text_field, reading.id_field, reading.kind_field, reading.source_field)
    with ParquetFile(path) as file:
        columns = None if reading.other_fields else [one for one in file.schema_arrow.names if one in wanted]
        yield from _batched(file.iter_batches(batch_size=BATCH, columns=columns), name)


READERS: dict[SourceFormat, Callable[[Path, str, Reading], Rows]] = {
    "jsonl": _json_lines,
    "csv": _csv,
    "tsv": _tsv,
    "parquet": _parquet,
    "text": _text,
}


def _batched(batches: Iterator[Any], name: str) -> Rows:
    """The rows of Arrow tables or batches of one source, in order."""
    number = 0
    for batch in batches:
        for values in _values(batch):
            number += 1
            place = f"row {number} of {name}"
            yield Refused(place, UNDECODABLE) if values is None else Row(number, place, name, values)


def _values(batch: Any) -> Iterator[Mapping[str, Any] | None]:
    """Each row of a table; None where its bytes are not the text that they are said to be."""
    try:
        yield from batch.to_pylist()
        return
    except UnicodeDecodeError:
        # One row spoils the whole batch, so they are taken one by one.
        pass
    for place in range(batch.num_rows):
        try:
            yield batch.slice(place, 1).to_pylist()[0]
        except UnicodeDecodeError:
            yield None


def _saved(folder: Path, reading: Reading) -> Rows:
    import datasets

    found = datasets.load_from_disk(str(folder))
    yield from _dataset(_split(found, str(folder), reading), folder.name)


def _hub(name: str, reading: Reading) -> Rows:
    """A dataset of the hub, streamed. Nothing that its repository holds is ever run."""
    import datasets

    try:
        found = datasets.load_dataset(
            name, reading.config, split=reading.split, revision=reading.revision, streaming=True
        )
        yield from _dataset(_split(found, name, reading), f"{HUB}{name}")
    except InvalidInput:
        raise
    # The library lets through whatever its own libraries raise: for HTTP, for files, for formats.
    except Exception as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInput(
            f"The dataset {name!r} cannot be read from the hub: {told}",
            "Check its name, --config, --split and --revision, and the connection; without one, give a file or a "
            "folder that `save_to_disk` wrote.",
            "source",
        ) from error


def _split(found: Any, name: str, reading: Reading) -> Any:
    """The one split that is meant."""
    if not isinstance(found, dict):
        return found
    if reading.split in found:
        return found[reading.split]
    if reading.split is None and len(found) == 1:
        return next(iter(found.values()))
    said = "Several splits are there" if reading.split is None else f"There is no split {reading.split!r}"
    raise InvalidInput(
        f"{said} in the dataset {name!r}.", f"Choose one with --split: {', '.join(sorted(found))}.", "split"
    )


def _dataset(found: Any, name: str) -> Rows:
    # As Arrow, so that nothing is decoded that is not text: no image, no sound.
    yield from _batched(found.with_format("arrow").iter(batch_size=BATCH), name)
