"""One shard of a gradient index: what is kept of some consecutive sequences, in one file."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from engine.atomic import PART, whole_file
from engine.errors import FactorsError

REMEDY = "Delete that file and build the index again: the other shards are kept."
_PROBES = "probes"


@dataclass(frozen=True, slots=True)
class ModuleShard:
    """The components of all sequences of a shard through one module, sequence after sequence, quantised.

    counts: components of each sequence. Entry i of a component's left vector is scale-free: its code less the
    middle one; `scale` is the singular value times the steps of both vectors.
    """

    counts: UInt8[Tensor, " sequence"]
    scale: Float[Tensor, " component"]
    left: UInt8[Tensor, "component left_byte"]
    right: UInt8[Tensor, "component right_byte"]


@dataclass(frozen=True, slots=True)
class ProbeHits:
    """The exactly scored heaviest sequences of each probe and sign (positive, negative), by corpus index.

    Where there are fewer, the index is -1 and the score 0.
    """

    index: Int[Tensor, "probe sign place"]
    score: Float[Tensor, "probe sign place"]


@dataclass(frozen=True, slots=True)
class ShardHeader:
    """What a shard holds: `sequences` from corpus index `first` on, for the index of that identity.

    before, after: the rolling fingerprint of the corpus up to the first sequence, and past the last.
    """

    identity: str
    first: int
    sequences: int
    before: str
    after: str

    @property
    def end(self) -> int:
        """The corpus index after the last sequence."""
        return self.first + self.sequences


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard in memory; its tensors may be mapped from the file."""

    header: ShardHeader
    modules: Mapping[str, ModuleShard]
    probes: ProbeHits


def shard_path(folder: Path, first: int) -> Path:
    """Where the shard that begins at that corpus index lies."""
    return folder / f"{first:012d}.safetensors"


def shards_present(folder: Path) -> tuple[int, ...]:
    """The corpus indices at which shards begin, ascending."""
    return tuple(sorted(int(path.stem) for path in folder.glob("*.safetensors")))


def tidy(folder: Path) -> None:
    """Delete what a killed process left half-written."""
    for part in folder.glob(f"*{PART}"):
        part.unlink()


def write_shard(folder: Path, shard: Shard) -> None:
    """Write a shard; it is there whole or not at all."""
    tensors = {f"{_PROBES}:{field}": getattr(shard.probes, field) for field in ProbeHits.__dataclass_fields__}
    for name, module in shard.modules.items():
        tensors |= {f"{name}:{field}": getattr(module, field) for field in ModuleShard.__dataclass_fields__}
    # One entry only: several would be written in an order that changes from run to run.
    described = json.dumps({**asdict(shard.header), "modules": list(shard.modules), "checksum": _checksum(tensors)})
    with whole_file(shard_path(folder, shard.header.first)) as file:
        file.write(save(tensors, metadata={"shard": described}))


def read_header(folder: Path, first: int) -> ShardHeader:
    """What the shard that begins at that corpus index holds. Raises: FactorsError as `read_shard`."""
    described = _described(shard_path(folder, first))
    return ShardHeader(**{field: described[field] for field in ShardHeader.__dataclass_fields__})


def read_shard(folder: Path, first: int) -> Shard:
    """A shard, mapped from its file, once its checksum is found right.

    Raises: FactorsError when the file is missing, cut short, or holds other bytes than were written.
    """
    path = shard_path(folder, first)
    described = _described(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise FactorsError(f"{path} cannot be read: {error}.", REMEDY) from error
    if _checksum(tensors) != described["checksum"]:
        raise FactorsError(f"{path} is damaged: its bytes are not those that were written.", REMEDY)
    modules = {
        name: ModuleShard(**{field: tensors[f"{name}:{field}"] for field in ModuleShard.__dataclass_fields__})
        for name in described["modules"]
    }
    probes = ProbeHits(**{field: tensors[f"{_PROBES}:{field}"] for field in ProbeHits.__dataclass_fields__})
    return Shard(read_header(folder, first), modules, probes)


def _described(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            described: dict[str, Any] = json.loads(file.metadata()["shard"])
    except (OSError, SafetensorError, TypeError, KeyError, json.JSONDecodeError) as error:
        raise FactorsError(f"{path} is missing, damaged or no shard of an index: {error}.", REMEDY) from error
    return described


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    checksum = 0
    for name in sorted(tensors):
        plain = tensors[name].contiguous().view(-1).view(torch.uint8)
        checksum = zlib.crc32(plain.numpy().data, zlib.crc32(name.encode(), checksum))
    return checksum
