"""The gradient index: low-rank factors of every sequence's whitened gradient on disk, in shards that only ever grow."""

import json
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Series
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from engine.atomic import whole_file
from engine.errors import FactorsError
from engine.model.fingerprint import settings_fingerprint
from engine.model.language_model import LanguageModel
from engine.storage.factors import Factors
from engine.storage.gradient_shard import REMEDY, Shard, ShardHeader, read_header, read_shard, shard_path
from engine.terms import (
    AbsoluteDamping,
    ByteBudget,
    Contrast,
    FixedRank,
    IndexConfig,
    Measurement,
    Query,
    RelativeDamping,
)

KIND = "gradient index"
MANIFEST = "manifest.json"
SHARDS = "shards"

_CHOICES = {choice.__name__: choice for choice in (RelativeDamping, AbsoluteDamping, FixedRank, ByteBudget)}
# Neither changes what is kept of a sequence.
_LAYOUT = ("shard_sequences", "batch_tokens")


@dataclass(frozen=True, slots=True)
class Recall:
    """How well an index finds, measured: of the exact `k` heaviest sequences, the share among the first `first`.

    mean, least: over the `queries` probes that have any sequence of that sign.
    """

    queries: int
    k: int
    first: int
    mean: float
    least: float


@dataclass(frozen=True, slots=True)
class IndexManifest:
    """What an index is, and how far it goes.

    modules: name to (out, in). density: components less dense than this were left out (`maths.byte_budget`).
    probes: the queries, as ids, that are scored exactly as the index is built.
    sequences: how many the index holds; shards past them belong to building that was interrupted.
    recall, negative_recall: measured on the probes, for either sign; None where there was nothing to measure.
    """

    config: IndexConfig
    model_fingerprint: str
    factors_fingerprint: str
    modules: Mapping[str, tuple[int, int]]
    density: float
    probes: tuple[Measurement, ...]
    sequences: int = 0
    recall: Recall | None = None
    negative_recall: Recall | None = None

    @property
    def identity(self) -> str:
        """What must agree for a shard to belong to this index, whatever the corpus."""
        kept = {k: v for k, v in _config_as_data(self.config).items() if k not in _LAYOUT}
        return settings_fingerprint(
            model=self.model_fingerprint,
            factors=self.factors_fingerprint,
            modules={name: list(shape) for name, shape in self.modules.items()},
            config=kept,
            density=self.density,
            probes=[_probe_as_data(probe) for probe in self.probes],
        )

    def check(self, model: LanguageModel, factors: Factors) -> None:
        """Raises: FactorsError when the index was built with another model, other modules or other factors."""
        remedy = "Build an index with these factors, in another folder, or load the factors it was built with."
        if self.model_fingerprint != model.fingerprint:
            raise FactorsError(
                f"The index belongs to model {self.model_fingerprint[:12]}, not {model.fingerprint[:12]}.", remedy
            )
        if self.factors_fingerprint != factors.fingerprint:
            raise FactorsError(
                f"The index belongs to factors {self.factors_fingerprint[:12]}, not {factors.fingerprint[:12]}.",
                remedy,
            )
        if tuple(self.modules) != model.tracked:
            raise FactorsError("The index covers other modules than the model tracks.", remedy)

    def write(self, folder: Path) -> None:
        """Write the manifest in one step."""
        data = {
            **{field.name: getattr(self, field.name) for field in fields(self)},
            "kind": KIND,
            "config": _config_as_data(self.config),
            "modules": {name: list(shape) for name, shape in self.modules.items()},
            "probes": [_probe_as_data(probe) for probe in self.probes],
            "recall": None if self.recall is None else asdict(self.recall),
            "negative_recall": None if self.negative_recall is None else asdict(self.negative_recall),
            "identity": self.identity,
        }
        with whole_file(folder / MANIFEST) as file:
            file.write(json.dumps(data, indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> "IndexManifest":
        """Read a manifest back. Raises: FactorsError when it is missing, damaged or changed."""
        try:
            data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError) as error:
            raise FactorsError(f"{folder} holds no {KIND}: {error}.", "Build the index again.") from error
        if not isinstance(data, dict) or data.get("kind") != KIND:
            raise FactorsError(f"{folder} holds no {KIND}.", "Give the right folder.")
        try:
            manifest = _manifest_from_data(data)
        except (KeyError, TypeError, ValueError) as error:
            raise FactorsError(f"The manifest of {folder} was changed, or another version wrote it.", _AGAIN) from error
        if manifest.identity != data["identity"]:
            raise FactorsError(f"The manifest of {folder} was changed.", _AGAIN)
        return manifest


_AGAIN = "Delete the folder and build the index again."


@dataclass(frozen=True, slots=True)
class GradientIndex:
    """An open index; shards are mapped from their files one at a time, as a search comes to them."""

    folder: Path
    manifest: IndexManifest
    shards: tuple[ShardHeader, ...]

    @classmethod
    def open(cls, folder: str | Path) -> "GradientIndex":
        """Open an index that was built to the end.

        Raises: FactorsError when it is missing, damaged or unfinished.
        """
        folder = Path(folder)
        manifest = IndexManifest.read(folder)
        if manifest.sequences == 0:
            raise FactorsError(
                f"The index in {folder} is unfinished.", "Call build_index again: finished shards are kept."
            )
        return cls(folder, manifest, tuple(finished_shards(folder, manifest)))

    def __len__(self) -> int:
        """How many sequences the index holds."""
        return self.manifest.sequences

    @property
    def fingerprint(self) -> str:
        """What identifies the index: model, factors, configuration and sequences."""
        return settings_fingerprint(identity=self.manifest.identity, sequences=self.shards[-1].after)

    @property
    def recall(self) -> Recall | None:
        """Of the probes' exact most positive sequences, the share that the index finds; None without probes."""
        return self.manifest.recall

    @property
    def negative_recall(self) -> Recall | None:
        """The same for the most negative sequences."""
        return self.manifest.negative_recall

    @property
    def bytes_per_sequence(self) -> int:
        """Bytes on disk, everything included, over sequences."""
        files = [shard_path(self.folder / SHARDS, shard.first) for shard in self.shards]
        return round(sum(file.stat().st_size for file in [self.folder / MANIFEST, *files]) / len(self))

    def check(self, model: LanguageModel, factors: Factors) -> None:
        """Raises: FactorsError when the index was built with another model, other modules or other factors."""
        self.manifest.check(model, factors)

    def read(self) -> Iterator[Shard]:
        """Every shard in order of the corpus. Raises: FactorsError when one is damaged."""
        for header in self.shards:
            yield read_shard(self.folder / SHARDS, header.first)


def finished_shards(folder: Path, manifest: IndexManifest) -> Iterator[ShardHeader]:
    """The headers of the shards that the manifest counts.

    Raises: FactorsError when one is missing, damaged, or belongs to another index.
    """
    first = 0
    while first < manifest.sequences:
        header = checked_header(folder, manifest, first)
        yield header
        first = header.end


def checked_header(folder: Path, manifest: IndexManifest, first: int) -> ShardHeader:
    """The header of the shard that begins at that corpus index. Raises: as `finished_shards`."""
    header = read_header(folder / SHARDS, first)
    if header.identity != manifest.identity or header.first != first or header.sequences < 1:
        raise FactorsError(f"{shard_path(folder / SHARDS, first)} belongs to another index.", REMEDY)
    return header


def _config_as_data(config: IndexConfig) -> dict[str, Any]:
    data = asdict(config)
    for name in ("damping", "keep"):
        choice = getattr(config, name)
        data[name] = [type(choice).__name__, *asdict(choice).values()]
    return data


def _config_from_data(data: Mapping[str, Any]) -> IndexConfig:
    chosen = {name: _CHOICES[data[name][0]](*data[name][1:]) for name in ("damping", "keep")}
    return IndexConfig(**{**data, **chosen})


def _probe_as_data(probe: Measurement) -> list[Any]:
    """[prompt, completion], and the places that count where not all do; both queries of a contrast after its name."""
    if isinstance(probe, Contrast):
        return ["contrast", _probe_as_data(probe.query), _probe_as_data(probe.against)]
    both = [list(probe.prompt_ids or ()), list(probe.completion_ids or ())]
    return both if probe.counted is None else [*both, [start for start, _ in probe.counted]]


def _probe_from_data(data: Series[Any]) -> Measurement:
    if data[0] == "contrast":
        query, against = (_probe_from_data(each) for each in data[1:])
        assert isinstance(query, Query)
        assert isinstance(against, Query)
        return Contrast(query, against)
    return Query.from_ids(*data)


def _manifest_from_data(data: Mapping[str, Any]) -> IndexManifest:
    return IndexManifest(
        config=_config_from_data(data["config"]),
        model_fingerprint=data["model_fingerprint"],
        factors_fingerprint=data["factors_fingerprint"],
        modules={name: (shape[0], shape[1]) for name, shape in data["modules"].items()},
        density=data["density"],
        probes=tuple(_probe_from_data(probe) for probe in data["probes"]),
        sequences=data["sequences"],
        recall=None if data["recall"] is None else Recall(**data["recall"]),
        negative_recall=None if data["negative_recall"] is None else Recall(**data["negative_recall"]),
    )
