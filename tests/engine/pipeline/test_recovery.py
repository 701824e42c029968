"""A batch that does not fit is halved until it does; nothing is lost, nothing counts twice."""

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import chain

import pytest
import torch
from torch import Tensor

from engine import DeviceError, FactorConfig, LanguageModel, Query, Sequence, fit_factors, score
from engine.corpus.batches import Batch
from engine.model.capture import Capture
from engine.model.memory import is_out_of_memory
from engine.pipeline.passes import run_pass, true_labels
from engine.pipeline.recovery import Fitting
from engine.terms import silent
from tests.engine.tiny import sequences, tiny_model

SHORTAGES: list[Exception] = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:116] data. DefaultCPUAllocator: not enough memory: you tried to"),
    RuntimeError("MPS backend out of memory (MPS allocated: 1.0 GB)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError(),
]


class Small:
    """A capture whose forward pass fails above a number of padded tokens, after it has left things behind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int, error: Exception) -> None:
        self.tried: list[int] = []
        forward: Callable[[Capture, Tensor], Tensor] = Capture.forward

        def failing(opened: Capture, ids: Tensor) -> Tensor:
            self.tried.append(ids.numel())
            logits = forward(opened, ids)
            if ids.numel() > most:
                raise error
            return logits

        monkeypatch.setattr(Capture, "forward", failing)


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: str(error)[:30] or "MemoryError")
def test_a_scan_that_runs_out_of_memory_gives_the_scores_of_one_that_does_not(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, corpus, queries = tiny_model("llama", torch.float64), sequences(12), [Query.from_ids([3, 5], [2, 9])]
    factors = fit_factors(model, corpus)
    expected = score(model, factors, queries, corpus)
    Small(monkeypatch, 20, error)
    found = score(model, factors, queries, corpus)
    for name in ("sequence", "layer", "token"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-6, atol=1e-9)


def test_factors_fitted_with_too_little_memory_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, corpus = tiny_model("gpt_neox", torch.float64), sequences(12)
    expected = fit_factors(model, corpus, FactorConfig(labels="true"))
    small = Small(monkeypatch, 20, SHORTAGES[0])
    found = fit_factors(model, corpus, FactorConfig(labels="true"))
    assert max(small.tried) > 20
    assert found.positions == expected.positions
    for name, module in found.modules.items():
        torch.testing.assert_close(module.activation_eigenvalues, expected.modules[name].activation_eigenvalues)
        torch.testing.assert_close(module.corrected_eigenvalues, expected.modules[name].corrected_eigenvalues)


def consumed(model: LanguageModel, corpus: list[Sequence], batch_tokens: int) -> list[list[int]]:
    """The sequences of each batch that a pass hands on."""
    seen: list[list[int]] = []
    run_pass(
        model, corpus, batch_tokens, true_labels, lambda batch, _: seen.append(batch.index.tolist()), "test", silent
    )
    return seen


def test_every_sequence_is_handed_on_once_in_the_order_of_the_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    model, corpus = tiny_model("llama", torch.float32), sequences(40)
    whole = consumed(model, corpus, 100)
    Small(monkeypatch, 30, SHORTAGES[0])
    parts = consumed(model, corpus, 100)
    assert len(parts) > len(whole)
    assert list(chain(*parts)) == list(chain(*whole))
    assert sorted(chain(*parts)) == list(range(40))


def test_what_fitted_is_remembered_for_the_rest_of_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    model, corpus = tiny_model("llama", torch.float32), [Sequence([1, 2, 3, 4])] * 64
    small = Small(monkeypatch, 10, SHORTAGES[0])
    batches = consumed(model, corpus, 32)
    # 8 sequences fail, then 4, then 2 fit; the other 62 never come in more than 2 at a time.
    assert small.tried == [32, 16, *[8] * 32]
    assert [len(batch) for batch in batches] == [2] * 32


def test_a_single_sequence_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama", torch.float32)
    corpus = [Sequence([1, 2]), Sequence([5] * 9), Sequence([3, 4, 5])]
    Small(monkeypatch, 8, SHORTAGES[1])
    with pytest.raises(DeviceError, match="Sequence 1 alone, of 9 tokens") as caught:
        consumed(model, corpus, 100)
    assert "shorter sequences" in caught.value.remedy
    assert all(not module._forward_hooks for module in model.hf_model.modules())


def test_another_error_is_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama", torch.float32)
    small = Small(monkeypatch, 0, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        consumed(model, sequences(4), 100)
    assert len(small.tried) == 1


def test_a_shortage_while_gradients_are_consumed_is_never_tried_again() -> None:
    model, calls = tiny_model("llama", torch.float32), []

    def consume(batch: Batch, _: object) -> None:
        calls.append(batch.index.tolist())
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(DeviceError, match="after their gradients were made") as caught:
        run_pass(model, sequences(6), 1000, true_labels, consume, "test", silent)
    assert len(calls) == 1
    assert "batch_tokens" in caught.value.remedy


def test_what_the_failed_attempt_held_is_let_go_before_the_next() -> None:
    """The tensors of a failed forward pass live in its frames and in the capture; both must be gone."""
    alive: list[object] = []

    class Held:
        def __init__(self) -> None:
            alive.append(self)

        def __del__(self) -> None:
            freed.append(True)

    freed: list[bool] = []
    tried: list[int] = []

    def work(part: Batch) -> int:
        held = Held()
        alive.clear()
        tried.append(len(part.index))
        assert len(freed) == len(tried) - 1, "an earlier attempt's memory is still held"
        if len(part.index) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return id(held)

    batch = Batch(torch.zeros(4, 3, dtype=torch.int64), torch.tensor([3, 3, 3, 3]), torch.arange(4))
    released: list[bool] = []
    taken: list[int] = []
    Fitting(100, lambda: released.append(True)).run(batch, work, lambda part, _: taken.extend(part.index.tolist()))
    assert (tried, taken, len(released)) == ([4, 2, 1, 1, 1, 1], [0, 1, 2, 3], 2)


@pytest.mark.parametrize("text", ["shape mismatch", "Expected all tensors to be on the same device"])
def test_other_runtime_errors_are_no_shortage(text: str) -> None:
    assert not is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(ValueError("out of memory"))


LIMITED = """
import resource, sys
import torch
torch.set_num_threads(1)
from engine import FactorConfig, Query, ScoreConfig, Sequence, fit_factors, score
from tests.engine.tiny import sequences, tiny_model
from engine.pipeline import recovery
model, corpus = tiny_model("llama", torch.float32), [Sequence([i % 29, 3, 5, 7] * 16) for i in range(1024)]
factors = fit_factors(model, corpus[:64], FactorConfig(labels="true"))
queries = [Query.from_ids([3, 5], [2, 9])]
expected = score(model, factors, queries, corpus, ScoreConfig(per_token=False, batch_tokens=4096))
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 48 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
smaller = []
halve = recovery.Fitting._smaller
recovery.Fitting._smaller = lambda self, part: (smaller.append(part.ids.numel()), halve(self, part))[1]
found = score(model, factors, queries, corpus, ScoreConfig(per_token=False, batch_tokens=131072))
torch.testing.assert_close(found.sequence, expected.sequence, rtol=1e-4, atol=1e-4)
print(len(smaller))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited by Linux's RLIMIT_AS")
def test_a_process_with_a_real_limit_on_its_memory_still_gives_the_scores() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert int(run.stdout) >= 1, "the limit was never met, so nothing was recovered from"
