"""Folders of tensors with a manifest, written whole or not at all."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from engine.atomic import whole_folder
from engine.errors import FactorsError

MANIFEST = "manifest.json"
TENSORS = "tensors.safetensors"


def write_folder(folder: Path, manifest: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Write a manifest and tensors; the folder is there whole or not at all."""
    distinct, aliases = _distinct(tensors)
    with whole_folder(folder) as part:
        save_file(distinct, part / TENSORS)
        size = (part / TENSORS).stat().st_size
        digest = _digest(part / TENSORS)
        described = {**manifest, "tensor_bytes": size, "tensor_sha256": digest, "aliases": aliases}
        (part / MANIFEST).write_text(json.dumps(described, indent=1), encoding="utf-8")


def read_folder(folder: Path, kind: str, device: str = "cpu") -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The manifest and the tensors of a folder that `write_folder` wrote.

    Raises: FactorsError when the folder is missing, of another kind, cut short, or not as it was written.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        size = (folder / TENSORS).stat().st_size
    except (OSError, json.JSONDecodeError) as error:
        raise FactorsError(f"{folder} holds no {kind}: {error}.", f"Make the {kind} again.") from error
    if manifest.get("kind") != kind:
        raise FactorsError(f"{folder} holds {manifest.get('kind')!r}, not {kind}.", "Give the right folder.")
    if size != manifest["tensor_bytes"]:
        raise FactorsError(
            f"{folder / TENSORS} has {size} bytes where {manifest['tensor_bytes']} were written: it is cut short.",
            f"Delete the folder and make the {kind} again.",
        )
    # Folders of earlier versions have no digest.
    if "tensor_sha256" in manifest and _digest(folder / TENSORS) != manifest["tensor_sha256"]:
        raise FactorsError(
            f"{folder / TENSORS} is not what was written: its SHA-256 is another.",
            f"Delete the folder and make the {kind} again; look after the disk.",
        )
    try:
        with safe_open(folder / TENSORS, framework="pt", device=device) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise FactorsError(
            f"{folder / TENSORS} cannot be read: {error}.", f"Delete the folder and make the {kind} again."
        ) from error
    return manifest, tensors | {name: tensors[first] for name, first in manifest["aliases"].items()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _distinct(tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Each tensor object once, and the other names it goes by: modules that share an input share eigenvectors."""
    distinct: dict[str, torch.Tensor] = {}
    aliases: dict[str, str] = {}
    first_name: dict[int, str] = {}
    for name, tensor in tensors.items():
        first = first_name.setdefault(id(tensor), name)
        if first == name:
            distinct[name] = tensor.contiguous()
        else:
            aliases[name] = first
    return distinct, aliases
