"""What is read: GGUF like safetensors, no pickles and no code, from folders and from the hub's cache."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from engine import LanguageModel, ModelError
from tests.engine.ggufs import TEMPLATE, save_pair
from tests.engine.tiny import hf_model, log_likelihood


def test_a_gguf_file_gives_the_same_log_p_as_its_safetensors(tmp_path: Path) -> None:
    save_pair(tmp_path)
    plain = LanguageModel.from_pretrained(str(tmp_path / "plain"), device="cpu")
    packed = LanguageModel.from_pretrained(str(tmp_path / "packed"), gguf_file="tiny.gguf", device="cpu")
    assert packed.tracked == plain.tracked
    assert packed.context_length == plain.context_length == 64
    text = "The mill of town 7, the bridge."
    ids = plain.encode(text)
    assert packed.encode(text) == ids
    assert packed.tokenizer.chat_template == TEMPLATE
    torch.testing.assert_close(log_likelihood(packed, ids), log_likelihood(plain, ids), rtol=1e-6, atol=1e-6)
    for name, value in plain.hf_model.named_parameters():
        torch.testing.assert_close(packed.hf_model.get_parameter(name), value, rtol=0, atol=0)


def test_packed_numbers_are_unpacked_to_linear_maps_that_are_tracked(tmp_path: Path) -> None:
    save_pair(tmp_path, packing="Q8_0", width=64)
    plain = LanguageModel.from_pretrained(str(tmp_path / "plain"), device="cpu")
    packed = LanguageModel.from_pretrained(str(tmp_path / "packed"), gguf_file="tiny.gguf", device="cpu")
    assert packed.tracked == plain.tracked
    assert packed.dtype == torch.float32
    for name in plain.tracked:
        exact, found = plain.modules[name].weight, packed.modules[name].weight
        assert not torch.equal(exact, found)
        # Eight bits a number: half a step of a 127th of the largest of its block.
        assert (found - exact).abs().max() <= exact.abs().max() / 127


def test_a_gguf_file_that_is_none_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"no model at all")
    with pytest.raises(ModelError, match="cannot be loaded"):
        LanguageModel.from_pretrained(str(tmp_path), gguf_file="tiny.gguf", device="cpu")


def test_weights_that_a_file_lacks_are_never_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    hf_model("gpt2", torch.float32).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    removed = next(name for name in weights if name.endswith("h.1.mlp.c_fc.weight"))
    save_file({name: value for name, value in weights.items() if name != removed}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"lack 1 of the model's tensors: transformer\.h\.1\.mlp\.c_fc\.weight"):
        LanguageModel.from_pretrained(str(tmp_path), device="cpu")


@pytest.mark.parametrize("missing", ["gguf", "accelerate"])
def test_a_missing_package_is_named_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr("engine.model.loading.find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ModelError, match=f"{missing} is missing") as caught:
        LanguageModel.from_pretrained(str(tmp_path), gguf_file="tiny.gguf", device="cpu")
    assert "pip install" in caught.value.remedy


def in_cache(cache: Path, name: str, files: Path) -> None:
    """Put a folder into the hub's cache as the only revision of a model."""
    place = cache / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("0" * 40)
    shutil.copytree(files, place / "snapshots" / ("0" * 40))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no way to the hub itself."""
    from huggingface_hub import constants

    place = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(place))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return place


def test_a_hub_id_is_read_from_the_cache(tmp_path: Path, cache: Path) -> None:
    hf_model("llama", torch.float32).save_pretrained(tmp_path / "files")
    in_cache(cache, "someone/tiny", tmp_path / "files")
    found = LanguageModel.from_pretrained("someone/tiny", device="cpu")
    assert found.fingerprint == LanguageModel(hf_model("llama", torch.float32)).fingerprint


def test_pickles_of_a_hub_id_are_refused_with_a_remedy(tmp_path: Path, cache: Path) -> None:
    hf_model("llama", torch.float32).save_pretrained(tmp_path / "files")
    (tmp_path / "files" / "model.safetensors").unlink()
    torch.save({}, tmp_path / "files" / "pytorch_model.bin")
    in_cache(cache, "someone/pickled", tmp_path / "files")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin of 'someone/pickled' are pickles") as caught:
        LanguageModel.from_pretrained("someone/pickled", device="cpu")
    assert "safetensors" in caught.value.remedy


def test_code_of_a_repository_is_never_run_and_the_error_says_so(tmp_path: Path) -> None:
    hf_model("llama", torch.float32).save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    settings |= {"model_type": "wonder", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    trace = tmp_path / "trace"
    (tmp_path / "own.py").write_text(f"open({str(trace)!r}, 'w')")
    with pytest.raises(ModelError, match="code of its own") as caught:
        LanguageModel.from_pretrained(str(tmp_path), device="cpu")
    assert "never run" in caught.value.problem
    assert "trust_remote_code" not in f"{caught.value.problem} {caught.value.remedy}"
    assert not trace.exists()


def test_a_model_that_is_built_in_is_read_as_such_whatever_code_its_folder_brings(tmp_path: Path) -> None:
    hf_model("llama", torch.float32).save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "auto_map": {"AutoModelForCausalLM": "own.Model"}}))
    (tmp_path / "own.py").write_text("raise RuntimeError")
    assert isinstance(LanguageModel.from_pretrained(str(tmp_path), device="cpu").hf_model, LlamaForCausalLM)
