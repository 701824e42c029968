"""Eigendecompositions over several devices: all are used, results are the same, and an error ends the work."""

import threading
import time
from functools import partial

import pytest
import torch

from engine import FactorConfig, LanguageModel, NumericalError, Progress, Sequence, fit_factors
from engine.pipeline.decomposition import decomposition_devices, spread
from tests.engine.tiny import tiny_model

# Two names for the CPU, told apart by their index.
TWO = (torch.device("cpu"), torch.device("cpu", 0))


def test_two_devices_work_at_the_same_time_and_each_on_one_job_at_a_time() -> None:
    both_at_work = threading.Barrier(2)
    used: list[tuple[str, torch.device]] = []
    taken: dict[str, int] = {}

    def job(name: str, device: torch.device) -> int:
        used.append((name, device))
        # Passed only when two jobs run at once; an odd one out could not pass.
        both_at_work.wait(timeout=20)
        return int(name)

    def take(name: str, result: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        taken[name] = result

    spread({str(i): partial(job, str(i)) for i in range(6)}, TWO, take)
    assert taken == {str(i): i for i in range(6)}
    assert {device for _, device in used} == set(TWO)
    assert sorted(name for name, _ in used) == [str(i) for i in range(6)]


def test_one_device_needs_no_thread() -> None:
    threads: list[threading.Thread] = []

    def job(_: torch.device) -> None:
        threads.append(threading.current_thread())

    spread({"a": job, "b": job}, TWO[:1], lambda _, __: None)
    assert threads == [threading.main_thread()] * 2


@pytest.mark.parametrize("devices", [TWO[:1], TWO])
def test_an_error_ends_the_work_and_drops_what_has_not_begun(devices: tuple[torch.device, ...]) -> None:
    begun: list[str] = []

    def job(name: str, _: torch.device) -> None:
        begun.append(name)
        time.sleep(0.01)
        if name == "1":
            raise NumericalError("The covariance of 1 holds NaN.", "Look for it.")

    with pytest.raises(NumericalError, match="of 1 holds"):
        spread({str(i): partial(job, str(i)) for i in range(200)}, devices, lambda _, __: None)
    assert len(begun) < 100


def test_factors_fitted_over_two_devices_equal_those_of_one(
    corpus: list[Sequence], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, config = tiny_model("llama", torch.float32), FactorConfig(block_width=7)
    alone = fit_factors(model, corpus, config)
    monkeypatch.setattr("engine.pipeline.fit.decomposition_devices", lambda _: TWO)
    seen: list[Progress] = []
    together = fit_factors(model, corpus, config, seen.append)
    for name, module in alone.modules.items():
        other = together.modules[name]
        assert torch.equal(module.activation_eigenvectors, other.activation_eigenvectors)
        assert torch.equal(module.gradient_eigenvectors, other.gradient_eigenvectors)
        assert torch.equal(module.corrected_eigenvalues, other.corrected_eigenvalues)
    modules = len(model.tracked)
    assert [s for s in seen if s.stage == "eigenvectors"] == [
        Progress("eigenvectors", done, modules) for done in range(modules + 1)
    ]


def test_nan_found_on_another_device_names_the_module(corpus: list[Sequence], monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama", torch.float32)
    # Activations between the two stay finite, but their squares do not.
    with torch.no_grad():
        model.modules["model.layers.1.mlp.up_proj"].weight.mul_(1e20)
        model.modules["model.layers.1.mlp.down_proj"].weight.mul_(1e-20)
    monkeypatch.setattr("engine.pipeline.fit.decomposition_devices", lambda _: TWO)
    with pytest.raises(NumericalError, match=r"covariance of the activations of model\.layers\.1\.mlp\.down_proj"):
        fit_factors(model, corpus)


def test_a_model_on_the_cpu_is_decomposed_there(model32: LanguageModel) -> None:
    assert decomposition_devices(model32) == (torch.device("cpu"),)


def test_a_model_on_a_card_uses_every_card_that_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LanguageModel, "device_of", lambda *_: torch.device("cuda", 1))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert decomposition_devices(tiny_model("llama", torch.float32)) == tuple(
        torch.device("cuda", number) for number in range(3)
    )
