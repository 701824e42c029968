"""Whether factors lie in their folder as they were written, told without loading them."""

import hashlib
import json
from pathlib import Path


def damage(folder: Path, *, thorough: bool = False) -> str | None:
    """What is wrong with the factors of a folder, None if nothing is.

    thorough: read the whole file for its digest too, about a second a gigabyte.
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
    # Those of earlier versions have no digest.
    if thorough and "tensor_sha256" in written:
        with tensors.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != written["tensor_sha256"]:
                return f"{tensors} is not what was written: its SHA-256 is another"
    return None
