"""Factors survive the disk; damage and mismatch are refused with a remedy; nothing half-written remains."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine import FactorConfig, Factors, FactorsError, LanguageModel, Query, Sequence, fit_factors, prepare
from engine.storage.factors import ModuleFactors
from engine.storage.folder import MANIFEST, TENSORS
from tests.engine.tiny import tiny_model


@pytest.fixture
def model() -> LanguageModel:
    return tiny_model("llama", torch.float32)


@pytest.fixture
def factors(model: LanguageModel, corpus: list[Sequence]) -> Factors:
    return fit_factors(model, corpus)


def assert_equal(left: ModuleFactors, right: ModuleFactors) -> None:
    assert torch.equal(left.corrected_eigenvalues, right.corrected_eigenvalues)
    for mine, other in (
        (left.activation_basis, right.activation_basis),
        (left.gradient_basis, right.gradient_basis),
    ):
        assert torch.equal(mine.values, other.values)
        assert len(mine.blocks) == len(other.blocks)
        assert all(torch.equal(*pair) for pair in zip(mine.blocks, other.blocks, strict=True))


def test_a_round_trip_is_exact_and_keeps_the_fingerprint(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path / "factors")
    again = Factors.load(tmp_path / "factors")
    assert again.fingerprint == factors.fingerprint
    for name, module in factors.modules.items():
        assert_equal(module, again.modules[name])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["factors"]


def test_factors_in_diagonal_blocks_survive_the_disk(
    model: LanguageModel, corpus: list[Sequence], tmp_path: Path
) -> None:
    factors = fit_factors(model, corpus, FactorConfig(block_width=5))
    factors.save(tmp_path / "factors")
    again = Factors.load(tmp_path / "factors")
    assert again.config == factors.config
    assert {len(module.activation_basis.blocks) for module in again.modules.values()} == {2, 3}
    for name, module in factors.modules.items():
        assert_equal(module, again.modules[name])


def test_shared_eigenbases_are_one_object_again_after_the_disk(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path / "factors")
    again = Factors.load(tmp_path / "factors")
    gate, up, down = (again.modules[f"model.layers.0.mlp.{name}_proj"] for name in ("gate", "up", "down"))
    assert gate.activation_basis is up.activation_basis
    assert down.activation_basis is not up.activation_basis


def test_factors_saved_before_there_were_blocks_are_read(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path / "factors")
    manifest = tmp_path / "factors" / MANIFEST
    older = json.loads(manifest.read_text())
    del older["config"]["block_width"]
    manifest.write_text(json.dumps(older))
    assert Factors.load(tmp_path / "factors").fingerprint == factors.fingerprint
    assert set(load_file(tmp_path / "factors" / TENSORS)) >= {
        f"{name}:{field}"
        for name in factors.modules
        for field in ("gradient_eigenvectors", "gradient_eigenvalues", "corrected_eigenvalues")
    }


def test_choices_of_a_later_version_are_refused_with_a_remedy(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path / "factors")
    manifest = tmp_path / "factors" / MANIFEST
    later = json.loads(manifest.read_text())
    later["config"]["quantum"] = True
    manifest.write_text(json.dumps(later))
    with pytest.raises(FactorsError, match="quantum") as caught:
        Factors.load(tmp_path / "factors")
    assert "again" in caught.value.remedy


def test_blocks_change_the_fingerprint_and_the_defaults_do_not(
    factors: Factors, model: LanguageModel, corpus: list[Sequence]
) -> None:
    assert fit_factors(model, corpus, FactorConfig(batch_tokens=11)).fingerprint == factors.fingerprint
    assert fit_factors(model, corpus, FactorConfig(block_width=5)).fingerprint != factors.fingerprint


def test_saving_over_older_factors_replaces_them(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path / "factors")
    factors.save(tmp_path / "factors")
    assert Factors.load(tmp_path / "factors").fingerprint == factors.fingerprint


@pytest.mark.parametrize("cut", [1, 1000, None])
def test_a_file_cut_short_is_refused_with_a_remedy(factors: Factors, tmp_path: Path, cut: int | None) -> None:
    factors.save(tmp_path / "factors")
    file = tmp_path / "factors" / TENSORS
    file.write_bytes(file.read_bytes()[: -cut if cut else 0])
    with pytest.raises(FactorsError, match="cut short") as caught:
        Factors.load(tmp_path / "factors")
    assert "again" in caught.value.remedy


def test_a_file_whose_bytes_have_changed_is_refused(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path / "factors")
    file = tmp_path / "factors" / TENSORS
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(FactorsError, match="SHA-256") as caught:
        Factors.load(tmp_path / "factors")
    assert "again" in caught.value.remedy


def test_factors_of_an_earlier_version_without_a_digest_are_read(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path / "factors")
    manifest = tmp_path / "factors" / MANIFEST
    written = json.loads(manifest.read_text())
    del written["tensor_sha256"]
    manifest.write_text(json.dumps(written))
    assert Factors.load(tmp_path / "factors").fingerprint == factors.fingerprint


def test_a_missing_or_edited_manifest_is_refused(factors: Factors, tmp_path: Path) -> None:
    factors.save(tmp_path / "factors")
    manifest = tmp_path / "factors" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(FactorsError, match="was changed"):
        Factors.load(tmp_path / "factors")
    manifest.write_text("{")
    with pytest.raises(FactorsError, match="holds no factors"):
        Factors.load(tmp_path / "factors")


def test_factors_of_another_model_or_other_modules_are_refused(factors: Factors) -> None:
    query = [Query.from_ids([1], [2])]
    with pytest.raises(FactorsError, match="belong to model"):
        prepare(tiny_model("gpt2", torch.float32), factors, query)
    with pytest.raises(FactorsError, match="other modules"):
        prepare(tiny_model("llama", torch.float32, track="mlp+attention"), factors, query)


def test_a_failed_save_leaves_the_old_factors(
    factors: Factors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factors.save(tmp_path / "factors")

    def full_disk(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("engine.storage.folder.save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        factors.save(tmp_path / "factors")
    assert Factors.load(tmp_path / "factors").fingerprint == factors.fingerprint
