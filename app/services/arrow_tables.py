"""Tables as the worker writes them (`datasets` folders of Arrow), read memory-mapped and without that library."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.services.errors import Conflict

Table = Any  # a pyarrow.Table; pyarrow has no types
KEPT = 16


def table(*folders: Path) -> Table:
    """The tables of the folders one after another; a column that one of them lacks is null there.

    Nothing but what is looked at is read. Raises: Conflict where a folder is not on this machine.
    """
    return _tables(tuple((folder, _changed(folder)) for folder in folders))


def _changed(folder: Path) -> int:
    try:
        return (folder / "state.json").stat().st_mtime_ns
    except OSError as error:
        raise Conflict(
            f"The folder {folder} cannot be read on this machine: {error.strerror}.",
            "Let INFLUENCE_HOME name the data folder that the workers write to.",
        ) from error


@lru_cache(maxsize=KEPT)
def _tables(folders: tuple[tuple[Path, int], ...]) -> Table:
    import pyarrow  # type: ignore[import-untyped]

    found = [one for folder, _ in folders for one in _opened(folder)]
    return found[0] if len(found) == 1 else pyarrow.concat_tables(found, promote_options="default")


def _opened(folder: Path) -> list[Table]:
    import pyarrow

    names = [file["filename"] for file in json.loads((folder / "state.json").read_text())["_data_files"]]
    return [pyarrow.ipc.open_stream(pyarrow.memory_map(str(folder / name))).read_all() for name in names]
