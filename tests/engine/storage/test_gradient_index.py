"""A gradient index survives the disk; damage, changes and missing shards are refused with a remedy."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine import FactorsError, Query, fit_factors
from engine.storage.gradient_index import (
    MANIFEST,
    SHARDS,
    GradientIndex,
    IndexManifest,
    Recall,
    finished_shards,
)
from engine.storage.gradient_shard import (
    ModuleShard,
    ProbeHits,
    Shard,
    ShardHeader,
    shard_path,
    shards_present,
    write_shard,
)
from engine.terms import AbsoluteDamping, FixedRank, IndexConfig
from tests.engine.tiny import sequences, tiny_model

MANIFEST_OF_NOTHING = IndexManifest(
    config=IndexConfig(damping=AbsoluteDamping(0.25), keep=FixedRank(2), bits=4),
    model_fingerprint="m" * 64,
    factors_fingerprint="f" * 64,
    modules={"one": (3, 5), "two": (4, 4)},
    density=0.5,
    probes=(Query.from_ids([1, 2], [3]),),
)


def shard(manifest: IndexManifest, first: int, count: int) -> Shard:
    """A shard of made-up contents."""
    generator = torch.Generator().manual_seed(first)
    modules = {}
    for name, (d_out, d_in) in manifest.modules.items():
        counts = torch.randint(0, 3, (count,), generator=generator).to(torch.uint8)
        kept = int(counts.sum())
        left, right = (
            torch.randint(0, 256, (kept, -(-d // 2)), generator=generator, dtype=torch.uint8) for d in (d_out, d_in)
        )
        modules[name] = ModuleShard(counts, torch.rand(kept, generator=generator), left, right)
    hits = ProbeHits(torch.full((1, 2, 10), -1), torch.zeros(1, 2, 10, dtype=torch.float64))
    return Shard(ShardHeader(manifest.identity, first, count, f"before {first}", f"after {first}"), modules, hits)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index of three shards, of which the manifest counts two."""
    (tmp_path / SHARDS).mkdir()
    for first, count in ((0, 4), (4, 3), (7, 2)):
        write_shard(tmp_path / SHARDS, shard(MANIFEST_OF_NOTHING, first, count))
    replace(MANIFEST_OF_NOTHING, sequences=7).write(tmp_path)
    return tmp_path


def test_a_round_trip_keeps_every_bit(folder: Path) -> None:
    index = GradientIndex.open(folder)
    assert len(index) == 7
    assert index.manifest == replace(MANIFEST_OF_NOTHING, sequences=7)
    for read, (first, count) in zip(index.read(), ((0, 4), (4, 3)), strict=True):
        written = shard(MANIFEST_OF_NOTHING, first, count)
        assert read.header == written.header
        for name, module in written.modules.items():
            for field in ModuleShard.__dataclass_fields__:
                assert torch.equal(getattr(read.modules[name], field), getattr(module, field))
        assert torch.equal(read.probes.index, written.probes.index)
        assert torch.equal(read.probes.score, written.probes.score)


def test_measured_recall_is_kept(folder: Path) -> None:
    recall = Recall(queries=3, k=10, first=50, mean=0.9, least=0.7)
    replace(MANIFEST_OF_NOTHING, sequences=7, recall=recall).write(folder)
    index = GradientIndex.open(folder)
    assert index.recall == recall
    assert index.negative_recall is None


def test_bytes_per_sequence_is_what_the_files_of_the_index_take(folder: Path) -> None:
    files = [folder / MANIFEST, *(shard_path(folder / SHARDS, first) for first in (0, 4))]
    assert GradientIndex.open(folder).bytes_per_sequence == round(sum(len(file.read_bytes()) for file in files) / 7)


def test_shards_past_the_manifest_are_seen_only_by_building(folder: Path) -> None:
    manifest = IndexManifest.read(folder)
    assert [header.first for header in finished_shards(folder, manifest)] == [0, 4]
    assert shards_present(folder / SHARDS) == (0, 4, 7)


def test_the_same_shard_is_written_as_the_same_bytes_and_nothing_else_remains(folder: Path) -> None:
    before = shard_path(folder / SHARDS, 4).read_bytes()
    write_shard(folder / SHARDS, shard(MANIFEST_OF_NOTHING, 4, 3))
    assert shard_path(folder / SHARDS, 4).read_bytes() == before
    assert not [path for path in folder.rglob("*") if path.suffix == ".part"]


@pytest.mark.parametrize("place", [200, -1, -40])
def test_a_changed_byte_is_found(folder: Path, place: int) -> None:
    file = shard_path(folder / SHARDS, 4)
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(FactorsError, match=r"damaged|cannot be read|another index|other bytes") as caught:
        list(GradientIndex.open(folder).read())
    assert "again" in caught.value.remedy
    assert str(file) in caught.value.problem


@pytest.mark.parametrize("left", [0, 5, 600])
def test_a_shard_cut_short_is_refused(folder: Path, left: int) -> None:
    file = shard_path(folder / SHARDS, 4)
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(FactorsError, match="damaged") as caught:
        GradientIndex.open(folder)
    assert "other shards are kept" in caught.value.remedy


def test_a_missing_shard_is_refused(folder: Path) -> None:
    shard_path(folder / SHARDS, 4).unlink()
    with pytest.raises(FactorsError, match="missing"):
        GradientIndex.open(folder)


def test_a_shard_of_another_index_is_refused(folder: Path) -> None:
    other = replace(MANIFEST_OF_NOTHING, density=0.75)
    write_shard(folder / SHARDS, shard(other, 4, 3))
    with pytest.raises(FactorsError, match="belongs to another index"):
        GradientIndex.open(folder)


def test_a_shard_in_the_place_of_another_is_refused(folder: Path) -> None:
    shard_path(folder / SHARDS, 0).rename(shard_path(folder / SHARDS, 4))
    write_shard(folder / SHARDS, shard(MANIFEST_OF_NOTHING, 0, 4))
    with pytest.raises(FactorsError, match="belongs to another index"):
        GradientIndex.open(folder)


def test_a_missing_changed_or_foreign_manifest_is_refused(folder: Path) -> None:
    manifest = folder / MANIFEST
    text = manifest.read_text()
    for changed, problem in (
        (text.replace('"density": 0.5', '"density": 0.25'), "was changed"),
        (text.replace('"bits": 4', '"bits": 3'), "was changed"),
        (text.replace('"gradient index"', '"factors"'), "holds no gradient index"),
        ("{", "holds no gradient index"),
        ("[]", "holds no gradient index"),
    ):
        assert changed != text
        manifest.write_text(changed)
        with pytest.raises(FactorsError, match=problem):
            GradientIndex.open(folder)
    manifest.unlink()
    with pytest.raises(FactorsError, match="holds no gradient index"):
        GradientIndex.open(folder)


def test_an_unfinished_index_is_refused(folder: Path) -> None:
    MANIFEST_OF_NOTHING.write(folder)
    with pytest.raises(FactorsError, match="unfinished") as caught:
        GradientIndex.open(folder)
    assert "build_index" in caught.value.remedy


def test_the_fingerprint_tells_sequences_and_choices_apart_but_not_the_layout() -> None:
    identity = MANIFEST_OF_NOTHING.identity
    config = MANIFEST_OF_NOTHING.config
    for same in (replace(config, shard_sequences=3), replace(config, batch_tokens=64)):
        assert replace(MANIFEST_OF_NOTHING, config=same).identity == identity
    for other in (
        replace(config, bits=2),
        replace(config, damping=AbsoluteDamping(1.0)),
        replace(config, keep=FixedRank(1)),
    ):
        assert replace(MANIFEST_OF_NOTHING, config=other).identity != identity
    assert replace(MANIFEST_OF_NOTHING, sequences=7).identity == identity


def test_an_index_of_another_model_or_of_other_factors_is_refused(folder: Path) -> None:
    model, corpus = tiny_model("llama", torch.float32), sequences(6)
    factors = fit_factors(model, corpus)
    index = GradientIndex.open(folder)
    with pytest.raises(FactorsError, match="belongs to model mmm"):
        index.check(model, factors)


def test_a_manifest_fits_only_its_own_model_factors_and_modules() -> None:
    model, corpus = tiny_model("llama", torch.float32), sequences(6)
    factors = fit_factors(model, corpus)
    manifest = replace(
        MANIFEST_OF_NOTHING,
        model_fingerprint=model.fingerprint,
        factors_fingerprint=factors.fingerprint,
        modules={name: model.dimensions(name) for name in model.tracked},
    )
    manifest.check(model, factors)
    with pytest.raises(FactorsError, match="belongs to factors"):
        manifest.check(model, fit_factors(model, corpus[:3]))
    with pytest.raises(FactorsError, match="other modules"):
        replace(manifest, modules=dict(list(manifest.modules.items())[1:])).check(model, factors)


def test_the_manifest_is_plain_json(folder: Path) -> None:
    data = json.loads((folder / MANIFEST).read_text())
    assert data["config"]["damping"] == ["AbsoluteDamping", 0.25]
    assert data["probes"] == [[[1, 2], [3]]]
