"""Files and folders that are there whole or not at all, whatever happens to the process that writes them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# What is half-written carries the writer's process number and this ending.
PART = ".part"


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the target, to be filled; it takes the target's name at the end, and is gone if anything fails.

    A folder that has the name already goes out of the way first and is deleted last, so that at almost every moment
    one of them is there.
    """
    part, gone = _beside(folder, ""), _beside(folder, ".old")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        for path in part.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        if folder.exists():
            folder.rename(gone)
        part.rename(folder)
        shutil.rmtree(gone, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def whole_file(target: Path) -> Iterator[IO[bytes]]:
    """A file beside the target, open for writing; it takes the target's name at the end, and is gone if that fails."""
    part = _beside(target, "")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def _beside(target: Path, mark: str) -> Path:
    return target.with_name(f"{target.name}.{os.getpid()}{mark}{PART}")
