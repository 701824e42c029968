"""Whether factors lie in their folder as they were written, told without loading them."""

import json
import zlib
from pathlib import Path

PIECE = 1 << 24


def damage(folder: Path, *, thorough: bool = False) -> str | None:
    """What is wrong with the factors of a folder, None if nothing is.

    thorough: read the whole file for its checksum too, about a second a gigabyte.
    """
    manifest, tensors = folder / "manifest.json", folder / "tensors.safetensors"
    try:
        written = json.loads(manifest.read_text(encoding="utf-8"))
        size, wanted = tensors.stat().st_size, written["tensor_bytes"]
    except FileNotFoundError as error:
        return f"{error.filename} is gone"
    except (OSError, ValueError, KeyError, TypeError):
        return f"{manifest} cannot be read"
    if size != wanted:
        return f"{tensors} has {size} bytes where {wanted} were written"
    # Those of earlier versions have no checksum.
    if thorough and "checksum" in written and _checksum(tensors) != written["checksum"]:
        return f"{tensors} is not what was written: its checksum is another"
    return None


def _checksum(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found = zlib.crc32(piece, found)
    return found
