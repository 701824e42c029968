"""A fit that is interrupted goes on from its checkpoint and ends with the same bits as one that is not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine import FactorConfig, Factors, FactorsError, LanguageModel, Progress, Sequence, fit_factors
from engine.storage.folder import MANIFEST, TENSORS
from tests.engine.tiny import sequences, tiny_model

CONFIG = FactorConfig(seed=4, batch_tokens=24)


class StopError(Exception):
    """The interruption."""


@pytest.fixture(autouse=True)
def _every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every batch."""
    monkeypatch.setattr("engine.storage.checkpoint.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("engine.storage.checkpoint.WRITING_SHARE", float("inf"))


@pytest.fixture
def model() -> LanguageModel:
    return tiny_model("llama", torch.float32)


def fit_until(model: LanguageModel, corpus: list[Sequence], folder: Path, stage: str, done: int) -> list[Progress]:
    """Fit, and stop in the progress report of a stage; what was reported."""
    seen: list[Progress] = []

    def stop(step: Progress) -> None:
        seen.append(step)
        if step.stage == stage and step.done >= done:
            raise StopError

    with pytest.raises(StopError):
        fit_factors(model, corpus, CONFIG, stop, folder)
    return seen


def assert_same_bits(left: Factors, right: Factors) -> None:
    assert (left.positions, left.sequences, left.fingerprint) == (right.positions, right.sequences, right.fingerprint)
    for name, module in left.modules.items():
        other = right.modules[name]
        assert torch.equal(module.corrected_eigenvalues, other.corrected_eigenvalues)
        for mine, its in (
            (module.activation_basis, other.activation_basis),
            (module.gradient_basis, other.gradient_basis),
        ):
            assert torch.equal(mine.values, its.values)
            assert all(torch.equal(*pair) for pair in zip(mine.blocks, its.blocks, strict=True))


@pytest.mark.parametrize(
    ("stage", "done"),
    [("covariances", 1), ("covariances", 9), ("eigenvectors", 3), ("eigenvalues", 0), ("eigenvalues", 12)],
)
def test_an_interrupted_fit_goes_on_and_ends_with_the_same_bits(
    model: LanguageModel, corpus: list[Sequence], tmp_path: Path, stage: str, done: int
) -> None:
    whole = fit_factors(model, corpus, CONFIG)
    stopped = fit_until(model, corpus, tmp_path / "fit", stage, done)
    seen: list[Progress] = []
    again = fit_factors(model, corpus, CONFIG, seen.append, tmp_path / "fit")
    assert_same_bits(whole, again)
    # The stage is taken up where it stood: nothing but the batch that was not yet kept is made again.
    last = stopped[-1]
    if stage != "eigenvectors":
        assert seen[0] == Progress(stage, last.done, last.total)
    assert list(tmp_path.iterdir()) == []


def test_many_interruptions_in_both_passes_change_nothing(
    model: LanguageModel, corpus: list[Sequence], tmp_path: Path
) -> None:
    whole = fit_factors(model, corpus, CONFIG)
    for done in (3, 6, 9, 12):
        fit_until(model, corpus, tmp_path / "fit", "covariances", done)
    for done in (3, 6, 9, 12):
        fit_until(model, corpus, tmp_path / "fit", "eigenvalues", done)
    assert_same_bits(whole, fit_factors(model, corpus, CONFIG, checkpoint=tmp_path / "fit"))


def test_windows_of_the_corpus_are_taken_up_in_the_middle(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.corpus.batches.WINDOW", 7)
    many = sequences(30, seed=9)
    whole = fit_factors(model, many, CONFIG)
    for done in (5, 10, 17, 23, 29):
        fit_until(model, many, tmp_path / "fit", "covariances", done)
    assert_same_bits(whole, fit_factors(model, many, CONFIG, checkpoint=tmp_path / "fit"))


def test_a_killed_process_loses_only_what_came_after_its_last_checkpoint(
    model: LanguageModel, corpus: list[Sequence], tmp_path: Path
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "fit")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[3],
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    kept = [json.loads(file.read_text()) for file in tmp_path.glob(f"fit/*-*[0-9]/{MANIFEST}")]
    assert {standing["stage"] for standing in kept} == {"eigenvectors", "eigenvalues"}
    seen: list[Progress] = []
    again = fit_factors(model, corpus, CONFIG, seen.append, tmp_path / "fit")
    assert seen[0].stage == "eigenvalues"
    assert seen[0].done > 0
    assert_same_bits(fit_factors(model, corpus, CONFIG), again)
    assert list(tmp_path.iterdir()) == []


# It dies while a checkpoint is half written: under the name of a part, beside the whole one before it.
KILLED = """
import os, signal, sys
from pathlib import Path
import torch
import engine.storage.checkpoint as checkpoint
import engine.storage.folder as folder
from engine import FactorConfig, fit_factors
from tests.engine.tiny import sequences, tiny_model

torch.set_num_threads(1)
checkpoint.LEAST_SECONDS, checkpoint.WRITING_SHARE = 0.0, float("inf")
save = folder.save_file

def save_or_die(tensors, path):
    save(tensors, path)
    if "eigenvalues-" in str(path) and len(list(Path(sys.argv[1]).glob("eigenvalues-*"))) > 1:
        os.kill(os.getpid(), signal.SIGKILL)

folder.save_file = save_or_die
fit_factors(
    tiny_model("llama", torch.float32), sequences(12), FactorConfig(seed=4, batch_tokens=24), checkpoint=sys.argv[1]
)
"""


@pytest.mark.parametrize(
    ("change", "named"),
    [("seed", "seed: 4 there, 5 now"), ("labels", "labels"), ("corpus", "sequences"), ("model", "model"),
     ("track", "modules"), ("blocks", "block_width: null there, 3 now")],
)  # fmt: skip
def test_a_checkpoint_of_another_fit_is_refused_and_says_what_differs(
    corpus: list[Sequence], tmp_path: Path, change: str, named: str
) -> None:
    model = tiny_model("llama", torch.float32)
    fit_until(model, corpus, tmp_path / "fit", "covariances", 9)
    config, texts, other = CONFIG, corpus, model
    if change == "seed":
        config = FactorConfig(seed=5, batch_tokens=24)
    elif change == "labels":
        config = FactorConfig(labels="true", seed=4, batch_tokens=24)
    elif change == "blocks":
        config = FactorConfig(seed=4, batch_tokens=24, block_width=3)
    elif change == "corpus":
        texts = corpus[:-1]
    elif change == "model":
        other = LanguageModel(tiny_model("llama", torch.float32).hf_model.double())
    else:
        other = tiny_model("llama", torch.float32, track="mlp+attention")
    with pytest.raises(FactorsError, match=named) as caught:
        fit_factors(other, texts, config, checkpoint=tmp_path / "fit")
    assert "delete" in caught.value.remedy
    assert (tmp_path / "fit").is_dir()


def test_another_budget_of_tokens_may_go_on_since_it_bounds_memory_only(
    model: LanguageModel, corpus: list[Sequence], tmp_path: Path
) -> None:
    fit_until(model, corpus, tmp_path / "fit", "covariances", 6)
    again = fit_factors(model, corpus, FactorConfig(seed=4, batch_tokens=9), checkpoint=tmp_path / "fit")
    whole = fit_factors(model, corpus, CONFIG)
    for name, module in again.modules.items():
        torch.testing.assert_close(module.activation_eigenvalues, whole.modules[name].activation_eigenvalues)


def test_a_damaged_checkpoint_is_refused_with_a_remedy(
    model: LanguageModel, corpus: list[Sequence], tmp_path: Path
) -> None:
    fit_until(model, corpus, tmp_path / "fit", "covariances", 9)
    (file,) = tmp_path.glob(f"fit/covariances-*/{TENSORS}")
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(FactorsError, match="cut short") as caught:
        fit_factors(model, corpus, CONFIG, checkpoint=tmp_path / "fit")
    assert "Delete" in caught.value.remedy


def test_files_of_others_in_the_folder_are_left_alone(
    model: LanguageModel, corpus: list[Sequence], tmp_path: Path
) -> None:
    (tmp_path / "covariances-of-mine").mkdir()
    (tmp_path / "notes.txt").write_text("keep")
    fit_until(model, corpus, tmp_path, "eigenvalues", 5)
    fit_factors(model, corpus, CONFIG, checkpoint=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["covariances-of-mine", "notes.txt"]


def test_a_quick_fit_writes_no_checkpoint(
    model: LanguageModel, corpus: list[Sequence], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.storage.checkpoint.LEAST_SECONDS", 60.0)
    fit_until(model, corpus, tmp_path / "fit", "eigenvalues", 12)
    assert list(tmp_path.iterdir()) == []
