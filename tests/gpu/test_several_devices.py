"""Several devices, and too little memory on one. Run on request: pytest -m gpu."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from engine import FactorConfig, LanguageModel, Query, ScoreConfig, Sequence, fit_factors, prepare, rescore, score
from engine.pipeline import recovery
from engine.pipeline.passes import run_pass, true_labels
from engine.pipeline.plan import make_plan
from engine.terms import silent
from tests.engine.tiny import hf_model, sequences

pytestmark = pytest.mark.gpu
CORPUS = sequences(24)
QUERIES = [Query.from_ids([3, 5, 7], [2, 9]), Query.from_ids([1], [4])]


def cards(number: int) -> None:
    if torch.cuda.device_count() < number:
        pytest.skip(f"needs {number} CUDA device(s)")


def saved(folder: Path) -> str:
    hf_model("llama", torch.float32).save_pretrained(folder / "model")
    return str(folder / "model")


def terms(model: LanguageModel) -> torch.Tensor:
    factors = fit_factors(model, CORPUS, FactorConfig(labels="true"))
    found = rescore(model, factors, prepare(model, factors, QUERIES), CORPUS).matrix
    assert found is not None
    return found


def places(first: int | str, second: int | str) -> dict[str, int | str]:
    """Embeddings, rotations and the first block on one, the second block and the head on the other."""
    return {
        "model.embed_tokens": first,
        "model.rotary_emb": first,
        "model.layers.0": first,
        "model.layers.1": second,
        "model.norm": second,
        "lm_head": first,
    }


@pytest.mark.parametrize("where", [(0, 1), (1, 0)])
def test_a_model_over_two_cards_scores_as_on_one(where: tuple[int, int], tmp_path: Path) -> None:
    cards(2)
    path = saved(tmp_path)
    one = LanguageModel.from_pretrained(path, device="cuda:0", dtype="float32")
    two = LanguageModel.from_pretrained(path, device=places(*where), dtype="float32")
    assert {two.device_of(name).index for name in two.tracked} == {0, 1}
    assert two.fingerprint == one.fingerprint
    expected = terms(one)
    torch.testing.assert_close(terms(two), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_a_balanced_model_uses_every_card_and_scores_as_on_one(tmp_path: Path) -> None:
    cards(2)
    path = saved(tmp_path)
    one = LanguageModel.from_pretrained(path, device="cuda:0", dtype="float32")
    expected = terms(one)
    found = terms(LanguageModel.from_pretrained(path, device="balanced", dtype="float32"))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_factors_and_queries_of_a_cpu_serve_a_card_and_the_other_way(tmp_path: Path) -> None:
    cards(1)
    path = saved(tmp_path)
    cpu, card = (LanguageModel.from_pretrained(path, device=name, dtype="float32") for name in ("cpu", "cuda"))
    factors = fit_factors(cpu, CORPUS, FactorConfig(labels="true"))
    expected = score(cpu, factors, QUERIES, CORPUS).sequence
    assert expected is not None
    for made_on, scored_on in ((cpu, card), (card, cpu)):
        found = score(scored_on, factors, prepare(made_on, factors, QUERIES), CORPUS).sequence
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_a_model_partly_kept_in_main_memory_scores_as_on_the_card(tmp_path: Path) -> None:
    cards(1)
    path = saved(tmp_path)
    expected = terms(LanguageModel.from_pretrained(path, device="cuda:0", dtype="float32"))
    parted = LanguageModel.from_pretrained(path, device=places(0, "cpu"), dtype="float32")
    assert {parted.device_of(name).type for name in parted.tracked} == {"cuda"}
    torch.testing.assert_close(terms(parted), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def wide() -> tuple[LanguageModel, list[Sequence]]:
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=256, intermediate_size=640, num_hidden_layers=4, num_attention_heads=8, vocab_size=8192
    )
    model = LanguageModel(LlamaForCausalLM(config).eval().to("cuda"))
    ids = torch.randint(8192, (128, 128), generator=torch.Generator().manual_seed(1))
    return model, [Sequence(row) for row in ids.tolist()]


@pytest.fixture
def little_memory() -> Iterator[None]:
    cards(1)
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 600 * 2**20) / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.usefixtures("little_memory")
def test_a_batch_too_large_for_the_card_is_halved_and_the_scores_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    model, corpus = wide()
    factors = fit_factors(model, corpus, FactorConfig(labels="true", batch_tokens=1024))
    expected = score(model, factors, QUERIES, corpus, ScoreConfig(per_token=False, batch_tokens=1024)).sequence
    halved: list[int] = []
    smaller = recovery.Fitting._smaller
    monkeypatch.setattr(recovery.Fitting, "_smaller", lambda self, part: (halved.append(1), smaller(self, part))[1])
    found = score(model, factors, QUERIES, corpus, ScoreConfig(per_token=False, batch_tokens=16384)).sequence
    assert halved
    assert expected is not None
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize("work", ["floor", "fit", "scan"])
def test_the_planned_memory_is_what_the_card_gives_out(work: str) -> None:
    cards(1)
    model, corpus = wide()
    fit, config = FactorConfig(labels="true"), ScoreConfig(per_token=False, top_k=10)
    plan = make_plan(model, corpus, len(QUERIES), fit, config)
    factors = fit_factors(model, corpus[:8], fit)
    prepared = prepare(model, factors, QUERIES, config)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    if work == "fit":
        fit_factors(model, corpus, fit)
        planned = plan.fit_peak
    elif work == "scan":
        score(model, factors, prepared, corpus, config)
        stage = plan.scan[1]
        planned = stage.peak - stage.held["factors"] - stage.held["queries"]
    else:
        run_pass(model, corpus, 8192, true_labels, lambda *_: None, "floor", silent)
        planned = plan.scan[1].batch["forward and backward"]
    assert planned == pytest.approx(torch.cuda.max_memory_allocated() - before, rel=0.15)
