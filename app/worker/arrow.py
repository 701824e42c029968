"""Tables on disk as Hugging Face `datasets` folders, written whole or not at all."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Table = Any  # a pyarrow.Table; pyarrow has no types


def write_table(folder: Path, rows: Iterable[Row], features: Mapping[str, Any], *, replace: bool = False) -> int:
    """Stream rows into a `datasets` folder; returns how many there were, and writes nothing for none.

    The folder appears whole, by a rename. One that is there already stays (another process made the same),
    unless `replace` says that it is a leftover.
    """
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        count = _stream(part, rows, features)
        if replace:
            shutil.rmtree(folder, ignore_errors=True)
        if count and not folder.exists():
            (part / "dataset").rename(folder)
        return count
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _stream(part: Path, rows: Iterable[Row], features: Mapping[str, Any]) -> int:
    import datasets
    from datasets.arrow_writer import ArrowWriter

    datasets.disable_progress_bars()
    raw, count = part / "rows.arrow", 0
    with ArrowWriter(path=str(raw), features=datasets.Features(dict(features))) as writer:
        for row in rows:
            writer.write(dict(row))
            count += 1
        writer.finalize()
    datasets.Dataset.from_file(str(raw)).save_to_disk(part / "dataset")
    return count


def read_table(*folders: Path) -> Table:
    """The tables of folders that `write_table` wrote, one after another, memory-mapped.

    A column that one of them lacks is null there.
    """
    import datasets
    import pyarrow  # type: ignore[import-untyped]

    tables = [datasets.load_from_disk(str(folder)).data.table for folder in folders]
    return tables[0] if len(tables) == 1 else pyarrow.concat_tables(tables, promote_options="default")


def bytes_of(folder: Path) -> int:
    """How much the files of a folder take on disk."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
