"""LoRA adapters: merged into the weights, or tracked themselves; against weights merged by hand, and autograd."""

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from engine import FactorConfig, LanguageModel, ModelError, Query, fit_factors, prepare, score
from engine.corpus.encoding import encode_query
from engine.pipeline.query import measured_gradients
from engine.storage.prepared import Whole
from tests.engine.tiny import hf_model, log_likelihood, sequences, weight_gradients

RANK, ALPHA = 2, 6
TARGETS = {
    "llama": ["gate_proj", "down_proj", "q_proj"],
    "gpt2": ["c_fc"],
    "gpt_neox": ["dense_h_to_4h", "query_key_value"],
}


def save_base(folder: Path, family: str) -> nn.Module:
    """A tiny model on disk, in float64."""
    model = hf_model(family, torch.float64)
    model.save_pretrained(folder / "base")
    return model


def save_adapter(folder: Path, family: str, alpha: int = ALPHA, **changed: object) -> Path:
    """An adapter whose two matrices are random, as one that was trained has them."""
    config = LoraConfig(
        r=RANK,
        lora_alpha=alpha,
        target_modules=TARGETS[family],
        fan_in_fan_out=family == "gpt2",
        task_type="CAUSAL_LM",
        **changed,
    )
    adapted = get_peft_model(hf_model(family, torch.float64), config, autocast_adapter_dtype=False)
    torch.manual_seed(11)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.3 * torch.randn_like(parameter))
    adapted.save_pretrained(folder / f"adapter-{alpha}")
    return folder / f"adapter-{alpha}"


def load(folder: Path, adapter: Path | None, weights: str = "merged") -> LanguageModel:
    """The model with the adapter, in float64."""
    chosen = None if adapter is None else str(adapter)
    base = str(folder / "base")
    return LanguageModel.from_pretrained(base, device="cpu", dtype="float64", adapter=chosen, adapter_weights=weights)


@pytest.fixture
def adapter(tmp_path: Path, family: str) -> Path:
    """A base model of each family and an adapter for it, side by side."""
    save_base(tmp_path, family)
    return save_adapter(tmp_path, family)


def test_a_merged_adapter_gives_the_weights_that_are_merged_by_hand(tmp_path: Path, family: str, adapter: Path) -> None:
    from safetensors.torch import load_file

    base, merged = load(tmp_path, None), load(tmp_path, adapter)
    assert merged.tracked == base.tracked
    parts = load_file(adapter / "adapter_model.safetensors")
    expected = {name: value.clone() for name, value in base.hf_model.named_parameters()}
    for key, first in parts.items():
        if "lora_A" in key:
            name = key.removeprefix("base_model.model.").replace(".lora_A", "")
            step = ALPHA / RANK * parts[key.replace("lora_A", "lora_B")] @ first
            expected[name] = expected[name] + (step.T if family == "gpt2" else step)
    found = dict(merged.hf_model.named_parameters())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-12, atol=1e-12)


def test_an_adapter_tracks_its_own_matrices_wherever_it_has_them(tmp_path: Path, family: str, adapter: Path) -> None:
    model = load(tmp_path, adapter, "adapter")
    expected = {
        f"{name}.{matrix}.default"
        for name, module in hf_model(family, torch.float64).named_modules()
        for matrix in ("lora_A", "lora_B")
        if name.rpartition(".")[2] in TARGETS[family] and not isinstance(module, nn.ModuleList)
    }
    assert set(model.tracked) == expected
    assert len(model.layers) == 2
    assert any(name.endswith("base_layer") for name in model.untracked)
    merged = load(tmp_path, adapter)
    ids = [3, 5, 7, 9]
    torch.testing.assert_close(log_likelihood(model, ids), log_likelihood(merged, ids), rtol=1e-9, atol=1e-9)


def test_gradients_in_an_adapter_equal_autograds_and_scores_are_made_of_them(tmp_path: Path, adapter: Path) -> None:
    model = load(tmp_path, adapter, "adapter")
    query = Query.from_ids([3, 5], [7, 9])
    for module in model.modules.values():
        module.requires_grad_(True)
    expected = weight_gradients(model, log_likelihood(model, [3, 5, 7, 9], start=2))
    _, found = measured_gradients(model, [encode_query(model, query)])
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert gradient.abs().max() > 0
        torch.testing.assert_close(found[name][0], gradient, rtol=1e-4, atol=1e-6 * float(gradient.abs().max()))
    corpus = sequences(8)
    factors = fit_factors(model, corpus, FactorConfig(labels="true"))
    prepared = prepare(model, factors, [query])
    scores = score(model, factors, prepared, corpus).sequence
    assert scores is not None
    for index, sequence in enumerate(corpus):
        total = 0.0
        for name, gradient in weight_gradients(model, log_likelihood(model, sequence.ids)).items():
            kept = prepared.modules[name]
            assert isinstance(kept, Whole)
            total += (kept.matrix[0] * gradient).sum().item()
        assert float(scores[0, index]) == pytest.approx(total, rel=2e-3, abs=1e-4 * float(scores.abs().max()))


def test_a_fingerprint_tells_base_merged_adapter_and_scaling_apart(tmp_path: Path) -> None:
    save_base(tmp_path, "llama")
    first, second = save_adapter(tmp_path, "llama"), save_adapter(tmp_path, "llama", alpha=2 * ALPHA)
    assert (first / "adapter_model.safetensors").read_bytes() == (second / "adapter_model.safetensors").read_bytes()
    models = [load(tmp_path, None)]
    models += [load(tmp_path, one, weights) for one in (first, second) for weights in ("merged", "adapter")]
    assert len({model.fingerprint for model in models}) == 5
    assert load(tmp_path, first, "adapter").fingerprint == models[2].fingerprint


def test_an_adapter_as_a_pickle_is_refused(tmp_path: Path) -> None:
    save_base(tmp_path, "llama")
    adapter = save_adapter(tmp_path, "llama")
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"adapter_model\.bin") as caught:
        load(tmp_path, adapter)
    assert "safetensors" in caught.value.remedy


@pytest.mark.parametrize(
    ("stated", "weights", "message"),
    [
        ({"peft_type": "IA3"}, "merged", "only LoRA"),
        ({"use_dora": True}, "adapter", "DoRA"),
        ({}, "both", "not a choice"),
    ],
)
def test_an_adapter_of_a_kind_that_is_not_known_is_refused(
    tmp_path: Path, stated: dict[str, object], weights: str, message: str
) -> None:
    save_base(tmp_path, "llama")
    settings = save_adapter(tmp_path, "llama") / "adapter_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), **stated}))
    with pytest.raises(ModelError, match=message):
        load(tmp_path, settings.parent, weights)


@pytest.mark.parametrize("other", [{"width": 16}, {"layers": 1}, {"layers": 3}])
def test_an_adapter_of_another_model_is_refused(tmp_path: Path, other: dict[str, int]) -> None:
    adapter = save_adapter(tmp_path, "llama")
    hf_model("llama", torch.float64, **other).save_pretrained(tmp_path / "base")
    with pytest.raises(ModelError, match="does not fit") as caught:
        load(tmp_path, adapter)
    assert "base_model_name_or_path" in caught.value.remedy


def test_a_folder_that_is_an_adapter_is_not_taken_for_a_model(tmp_path: Path) -> None:
    adapter = save_adapter(tmp_path, "llama")
    with pytest.raises(ModelError, match="holds an adapter") as caught:
        LanguageModel.from_pretrained(str(adapter))
    assert "base" in caught.value.remedy
