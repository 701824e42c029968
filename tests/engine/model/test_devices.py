"""A model spread over devices gives the influences of the same model on one."""

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import cpu_offload, disk_offload, dispatch_model
from torch import nn

from engine import DeviceError, FactorConfig, LanguageModel, Query, fit_factors, prepare, rescore, score
from engine.model.devices import execution_device, offloaded, parameter_values, resolve_device
from engine.model.memory import free_host_memory, free_memory
from engine.model.moved import moved
from tests.engine.tiny import FAMILIES, hf_model, sequences, tiny_model

CORPUS = sequences(12)
QUERIES = [Query.from_ids([3, 5, 7], [2, 9]), Query.from_ids([1], [4])]

# accelerate says aloud that weights were offloaded; it is what these tests ask for.
pytestmark = pytest.mark.filterwarnings("ignore:.*offloaded.*")


def half_on_disk(model: Any, folder: Path) -> Any:
    """Embeddings, head and first block in memory, the second block on disk."""
    places = {name: "cpu" for name, module in model.named_modules() if name and not list(module.children())}
    places = {name: "disk" if ".1." in name else "cpu" for name in places}
    return dispatch_model(model, places, main_device="cpu", offload_dir=folder)


def in_cpu_memory(model: Any, _: Path) -> Any:
    """Every weight kept aside in memory, brought in module by module."""
    return cpu_offload(model, execution_device=torch.device("cpu"))


def on_disk(model: Any, folder: Path) -> Any:
    """Every weight on disk, brought in module by module."""
    disk_offload(model, folder, execution_device=torch.device("cpu"))
    return model


SPREAD = [half_on_disk, in_cpu_memory, on_disk]


@pytest.mark.parametrize("spread", SPREAD)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_spread_model_gives_the_influences_of_a_whole_one(family: str, spread: Any, tmp_path: Path) -> None:
    whole = tiny_model(family, torch.float64)
    parted = LanguageModel(spread(hf_model(family, torch.float64), tmp_path))
    assert offloaded(parted.hf_model)
    expected, found = (influences(model) for model in (whole, parted))
    torch.testing.assert_close(found.sequence, expected.sequence, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(found.matrix, expected.matrix, rtol=1e-5, atol=1e-6)


def influences(model: LanguageModel) -> Any:
    factors = fit_factors(model, CORPUS, FactorConfig(seed=4))
    return rescore(model, factors, prepare(model, factors, QUERIES), CORPUS)


@pytest.mark.parametrize("spread", SPREAD)
def test_the_fingerprint_does_not_depend_on_where_the_weights_are(spread: Any, tmp_path: Path) -> None:
    whole = tiny_model("llama", torch.float32)
    parted = LanguageModel(spread(hf_model("llama", torch.float32), tmp_path))
    assert parted.fingerprint == whole.fingerprint


def test_factors_of_a_whole_model_serve_the_same_model_spread(tmp_path: Path) -> None:
    whole = tiny_model("gpt2", torch.float64)
    factors = fit_factors(whole, CORPUS)
    parted = LanguageModel(half_on_disk(hf_model("gpt2", torch.float64), tmp_path))
    found, expected = (score(model, factors, QUERIES, CORPUS).sequence for model in (parted, whole))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_capturing_an_offloaded_model_leaves_it_offloaded(tmp_path: Path) -> None:
    model = LanguageModel(half_on_disk(hf_model("llama", torch.float32), tmp_path))
    before = offloaded(model.hf_model)
    influences(model)
    assert offloaded(model.hf_model) == before
    assert all(not module._forward_hooks for module in model.hf_model.modules())


def test_offloaded_weights_are_not_moved_in_vain(tmp_path: Path) -> None:
    model = LanguageModel(half_on_disk(hf_model("llama", torch.float32), tmp_path))
    step = {name: torch.ones(model.dimensions(name)) for name in model.tracked}
    with pytest.raises(DeviceError, match="offloaded, so they cannot be moved"), moved(model, step):
        pytest.fail("the weights were said to be moved")


def test_parameter_values_are_those_of_the_model_before_it_was_offloaded(tmp_path: Path) -> None:
    expected = dict(parameter_values(hf_model("gpt_neox", torch.float32)))
    found = dict(parameter_values(on_disk(hf_model("gpt_neox", torch.float32), tmp_path)))
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_model_is_loaded_spread_over_a_map_of_devices(tmp_path: Path) -> None:
    hf_model("llama", torch.float32).save_pretrained(tmp_path / "model")
    whole = LanguageModel.from_pretrained(str(tmp_path / "model"), device="cpu")
    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk"}
    places |= {"model.norm": "cpu", "model.rotary_emb": "cpu", "lm_head": "cpu"}
    parted = LanguageModel.from_pretrained(str(tmp_path / "model"), device=places)
    assert {name.split(".")[2] for name in offloaded(parted.hf_model)} == {"1"}
    assert parted.dtype == torch.float32
    assert parted.device_of(parted.tracked[-1]) == torch.device("cpu")
    assert parted.fingerprint == whole.fingerprint
    torch.testing.assert_close(influences(parted).sequence, influences(whole).sequence)


def test_a_balanced_model_on_one_device_is_the_model(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("spreads over CUDA here; tests/gpu looks at that")
    hf_model("llama", torch.float32).save_pretrained(tmp_path / "model")
    spread = LanguageModel.from_pretrained(str(tmp_path / "model"), device="balanced")
    assert spread.fingerprint == LanguageModel.from_pretrained(str(tmp_path / "model"), device="cpu").fingerprint


def test_several_devices_without_accelerate_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hf_model("llama", torch.float32).save_pretrained(tmp_path / "model")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "accelerate" else found(name, *rest)
    )
    with pytest.raises(DeviceError, match="'balanced' needs the package accelerate") as caught:
        LanguageModel.from_pretrained(str(tmp_path / "model"), device="balanced")
    [extra] = re.findall(r"influence-explorer\[(\w+)\]", caught.value.remedy)
    extras = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert any(requirement.startswith("accelerate") for requirement in extras[extra])


@pytest.mark.parametrize(("choice", "problem"), [("gpu", "'gpu' is not a device"), ("cuda:99", "no device cuda:99")])
def test_a_device_that_is_not_there_is_named(choice: str, problem: str) -> None:
    with pytest.raises(DeviceError, match=problem):
        resolve_device(choice)


def test_a_module_without_its_weights_is_refused() -> None:
    with pytest.raises(DeviceError, match="meta device"):
        execution_device(nn.Linear(2, 3, device="meta"))


def test_free_memory_is_what_the_control_group_still_allows(tmp_path: Path) -> None:
    write(tmp_path, "proc/meminfo", "MemTotal: 9000 kB\nMemAvailable: 8000 kB\n")
    assert free_host_memory(tmp_path) == 8000 * 1024
    write(tmp_path, "proc/self/cgroup", "0::/box/inner\n")
    write(tmp_path, "sys/fs/cgroup/box/memory.max", "5000000\n")
    write(tmp_path, "sys/fs/cgroup/box/memory.current", "3000000\n")
    write(tmp_path, "sys/fs/cgroup/box/memory.stat", "anon 1\ninactive_file 500000\n")
    write(tmp_path, "sys/fs/cgroup/box/inner/memory.max", "max\n")
    assert free_host_memory(tmp_path) == 2_500_000


def test_the_older_kind_of_control_group_counts_too(tmp_path: Path) -> None:
    write(tmp_path, "proc/meminfo", "MemAvailable: 8000 kB\n")
    write(tmp_path, "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/somewhere/else\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "4000000")
    write(tmp_path, "sys/fs/cgroup/memory/memory.usage_in_bytes", "1000000")
    assert free_host_memory(tmp_path) == 3_000_000


def test_where_the_system_does_not_tell_nothing_is_made_up(tmp_path: Path) -> None:
    assert free_host_memory(tmp_path) is None


def test_this_machine_has_free_memory() -> None:
    free = free_memory(torch.device("cpu"))
    assert free is None or free > 2**20


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")
