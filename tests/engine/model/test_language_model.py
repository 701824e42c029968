"""Which modules are tracked, what is refused, fingerprints, and loading."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import MixtralConfig, MixtralForCausalLM

from engine import LanguageModel, ModelError
from tests.engine.tiny import hf_model, tiny_model


def test_mlp_projections_are_tracked_and_the_rest_is_listed(model32: LanguageModel) -> None:
    assert len(model32.tracked) == {"llama": 6, "gpt2": 4, "gpt_neox": 4}[model32.hf_model.config.model_type]
    assert len(model32.layers) == 2
    assert all("mlp" in name for name in model32.tracked)
    owners = {name.rpartition(".")[0] for name, _ in model32.hf_model.named_parameters()}
    assert set(model32.tracked) | set(model32.untracked) == owners


def test_an_explicit_pattern_tracks_what_it_matches() -> None:
    model = LanguageModel(hf_model("llama", torch.float32), track=re.compile(r"model\.layers\.1\.mlp\.down_proj"))
    assert model.tracked == ("model.layers.1.mlp.down_proj",)
    assert model.layers == ("model.layers.1",)


@pytest.mark.parametrize(
    ("track", "message"),
    [
        ("everything", "not a choice"),
        (re.compile("nothing"), "nothing to track"),
        (re.compile(r"model\.norm"), "only Linear and Conv1D"),
    ],
)
def test_a_bad_choice_of_modules_is_refused(track: str | re.Pattern[str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        LanguageModel(hf_model("llama", torch.float32), track=track)


def test_an_unknown_family_asks_for_a_pattern() -> None:
    with pytest.raises(ModelError, match="not known"):
        LanguageModel(nn.Sequential(nn.Linear(2, 2)))


def test_fused_experts_are_refused() -> None:
    config = MixtralConfig(
        vocab_size=11, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, num_local_experts=2, max_position_embeddings=16,
    )  # fmt: skip
    with pytest.raises(ModelError, match="fused experts"):
        LanguageModel(MixtralForCausalLM(config))


def test_the_fingerprint_tells_equal_weights_from_changed_ones() -> None:
    first, second = tiny_model("llama", torch.float32), tiny_model("llama", torch.float32)
    assert first.fingerprint == second.fingerprint
    changed = hf_model("llama", torch.float32)
    with torch.no_grad():
        changed.model.layers[0].mlp.up_proj.weight[0, 0] += 1e-6
    assert LanguageModel(changed).fingerprint != first.fingerprint
    assert tiny_model("llama", torch.float64).fingerprint != first.fingerprint


def test_tied_parameters_count_once() -> None:
    model = tiny_model("llama", torch.float32)
    embedding = 29 * 8
    assert model.parameters == sum({id(p): p.numel() for p in model.hf_model.parameters()}.values())
    assert model.non_embedding_parameters == model.parameters - embedding


def test_a_saved_directory_loads_in_float32_on_a_cpu(tmp_path: Path) -> None:
    hf_model("gpt_neox", torch.float16).save_pretrained(tmp_path)
    model = LanguageModel.from_pretrained(str(tmp_path), device="cpu")
    assert model.dtype == torch.float32
    assert model.tokenizer is None
    assert not model.hf_model.training


def test_pickled_weights_are_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickles") as caught:
        LanguageModel.from_pretrained(str(tmp_path))
    assert "safetensors" in caught.value.remedy


@pytest.mark.parametrize("files", [[], ["config.json"]])
def test_a_folder_without_a_model_is_refused(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelError, match=str(tmp_path)):
        LanguageModel.from_pretrained(str(tmp_path))


def test_truncated_weights_are_an_error_and_not_a_crash(tmp_path: Path) -> None:
    hf_model("llama", torch.float32).save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be loaded"):
        LanguageModel.from_pretrained(str(tmp_path))
