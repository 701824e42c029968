"""The plan's arithmetic is the size of the tensors that there then are."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

from engine import (
    CorpusError,
    DeviceError,
    FactorConfig,
    IndexConfig,
    LanguageModel,
    Query,
    ScoreConfig,
    Sequence,
    build_index,
    fit_factors,
    prepare,
    score,
)
from engine.corpus.batches import Sequences, batches
from engine.model.capture import IN_FLOAT32, Capture, Captured, Products
from engine.model.ledger import Ledger
from engine.pipeline.footprint import footprint, tokens_in_force
from engine.pipeline.passes import run_pass, true_labels
from engine.pipeline.plan import make_plan
from engine.pipeline.sizes import captured_bytes, factor_bytes, query_bytes, shapes, weight_bytes
from engine.pipeline.timing import expected_times
from engine.storage.bases import basis_tensors
from engine.terms import ByteBudget, FixedRank, RetainedEnergy, silent
from tests.engine.tiny import FAMILIES, sequences, tiny_model

QUERIES = [Query.from_ids([3, 5, 7], [2, 9]), Query.from_ids([1], [4]), Query.from_ids([8, 8], [6])]
CORPUS = [Sequence([place % 29, *[3, 5, 7, 11] * 8]) for place in range(40)]


def nbytes(tensors: Iterable[Tensor]) -> int:
    """What distinct tensors take; one that several names share counts once."""
    return sum(tensor.nbytes for tensor in {id(tensor): tensor for tensor in tensors}.values())


def planned_shapes(model: LanguageModel) -> tuple[object, ...]:
    return shapes(model, footprint(model, 5).sharing)


@pytest.mark.parametrize("track", ["mlp", "mlp+attention"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("block_width", [None, 7, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_factors_have_the_planned_size(family: str, block_width: int | None, dtype: torch.dtype, track: str) -> None:
    model, config = tiny_model(family, dtype, track), FactorConfig(block_width=block_width)
    factors = fit_factors(model, sequences(12), config)
    tensors: list[Tensor] = []
    for module in factors.modules.values():
        tensors += basis_tensors("a", module.activation_basis).values()
        tensors += basis_tensors("g", module.gradient_basis).values()
        tensors.append(module.corrected_eigenvalues)
    assert factor_bytes(planned_shapes(model), config, dtype) == nbytes(tensors)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("rank", [None, 1, 5, 1000])
@pytest.mark.parametrize("family", FAMILIES)
def test_prepared_queries_have_the_planned_size(family: str, rank: int | None, precision: str) -> None:
    model, config = tiny_model(family, torch.float32), ScoreConfig(rank=rank, precision=precision)
    prepared = prepare(model, fit_factors(model, sequences(12)), QUERIES, config)
    tensors = [getattr(module, field) for module in prepared.modules.values() for field in module.__dataclass_fields__]
    assert query_bytes(planned_shapes(model), len(QUERIES), config, torch.float32) == nbytes(tensors)


def test_queries_kept_to_a_share_of_their_energy_take_no_more_than_planned() -> None:
    model, config = tiny_model("llama", torch.float32), ScoreConfig(rank=RetainedEnergy(0.9))
    prepared = prepare(model, fit_factors(model, sequences(12)), QUERIES, config)
    tensors = [getattr(module, field) for module in prepared.modules.values() for field in module.__dataclass_fields__]
    assert 0 < nbytes(tensors) <= query_bytes(planned_shapes(model), len(QUERIES), config, torch.float32)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_captured_vectors_have_the_planned_size(family: str, precision: str) -> None:
    model, seen = tiny_model(family, torch.float32), []

    def consume(_: object, captured: Captured) -> None:
        seen.append(nbytes([*captured.activations.values(), *captured.output_gradients.values()]))

    run_pass(model, CORPUS[:4], 1000, true_labels, consume, "test", silent, products=Products(precision))
    assert seen == [captured_bytes(planned_shapes(model), 4 * 33, precision, torch.float32)]


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_have_the_planned_size(family: str) -> None:
    model = tiny_model(family, torch.float32)
    stored = {id(tensor): tensor for tensor in [*model.hf_model.parameters(), *model.hf_model.buffers()]}
    assert weight_bytes(model) == nbytes(stored.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_two_sequences_tell_what_any_batch_holds(family: str) -> None:
    model = tiny_model(family, torch.float32)
    held = footprint(model, 33)
    with Ledger() as ledger:
        run_pass(model, CORPUS[:24], 24 * 33, true_labels, lambda *_: None, "test", silent)
    # What a batch is made of beside the passes: ids, masks and labels.
    assert held.bytes(24 * 33) == pytest.approx(ledger.peak, rel=0.03)


def test_the_ledger_counts_what_lives_and_forgets_what_is_gone() -> None:
    before = torch.ones(10)
    with Ledger() as ledger:
        one = before + 1
        view = one[2:5]
        del one
        assert ledger.live == 40
        two = torch.zeros(100, dtype=torch.float64)
        assert ledger.live == 840
        two += 1
        del view
        assert ledger.live == 800
        before.mul_(2)
    assert ledger.live == 800
    assert ledger.peak == 840


class Wide:
    """Models whose batches outweigh the odds and ends that no plan counts."""

    @staticmethod
    def model(family: str) -> LanguageModel:
        torch.manual_seed(0)
        common = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 300}
        made: nn.Module
        if family == "llama":
            made = LlamaForCausalLM(LlamaConfig(intermediate_size=160, **common))
        else:
            made = GPTNeoXForCausalLM(GPTNeoXConfig(intermediate_size=256, **common))
        return LanguageModel(made.eval())

    @staticmethod
    def corpus() -> list[Sequence]:
        generator = torch.Generator().manual_seed(1)
        return [Sequence(torch.randint(300, (48,), generator=generator).tolist()) for _ in range(64)]


@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_a_fit_holds_what_was_planned(family: str) -> None:
    model, corpus = Wide.model(family), Wide.corpus()
    config = FactorConfig(batch_tokens=1536)
    plan = make_plan(model, corpus, 1, fit=config, score=ScoreConfig(batch_tokens=1536))
    with Ledger() as ledger:
        factors = fit_factors(model, corpus, config)
    assert factors.sequences == 64
    assert tensors_of(plan.fit) == pytest.approx(ledger.peak, rel=0.05)


@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
@pytest.mark.parametrize("rank", [None, 4])
@pytest.mark.parametrize("queries", [1, 8, 64])
@pytest.mark.parametrize("top_k", [None, 5])
def test_a_scan_holds_what_was_planned(family: str, rank: int | None, queries: int, top_k: int | None) -> None:
    model, corpus = Wide.model(family), Wide.corpus()
    config = ScoreConfig(rank=rank, top_k=top_k, per_token=False, batch_tokens=1536)
    factors = fit_factors(model, corpus)
    asked = [Query.from_ids([place, 5, 7], [2, 9]) for place in range(queries)]
    plan = make_plan(model, corpus, queries, score=config)
    prepared = prepare(model, factors, asked, config)
    with Ledger() as ledger:
        score(model, factors, prepared, corpus, config)
    scanning = plan.scan[1]
    there_before = scanning.held["factors"] + scanning.held["queries"]
    assert tensors_of([scanning]) - there_before == pytest.approx(ledger.peak, rel=0.06)


@pytest.mark.parametrize("keep", [ByteBudget(), FixedRank(2)])
@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_a_gradient_index_takes_what_was_planned_on_disk(
    family: str, keep: ByteBudget | FixedRank, tmp_path: Path
) -> None:
    model, corpus, config = Wide.model(family), 4 * Wide.corpus(), IndexConfig(keep=keep)
    index = build_index(model, fit_factors(model, corpus[:64]), corpus, tmp_path / "index", config)
    planned = make_plan(model, corpus, 1, index=config).index
    assert planned / len(corpus) == pytest.approx(index.bytes_per_sequence, rel=0.04)


def tensors_of(stages: Iterable[object]) -> int:
    return max(replace(stage, beside=0).peak for stage in stages)


def test_the_plan_names_what_is_tracked_and_what_is_not() -> None:
    model, corpus = tiny_model("llama", torch.float32), sequences(20)
    plan = make_plan(model, corpus, 2)
    assert set(plan.tracked).isdisjoint(plan.untracked)
    assert "model.embed_tokens" in plan.untracked
    assert (plan.work.sequences, plan.work.longest) == (20, max(len(s.ids) for s in corpus))
    assert plan.work.tokens == sum(len(s.ids) for s in corpus)
    assert plan.fit_peak >= max(sum(stage.held.values()) for stage in plan.fit)


def test_more_queries_take_more_and_a_lower_rank_less() -> None:
    model, corpus = tiny_model("gpt2", torch.float32), sequences(20)
    whole, many = (make_plan(model, corpus, count).scan[1].held["queries"] for count in (1, 8))
    low = make_plan(model, corpus, 8, score=ScoreConfig(rank=1)).scan[1].held["queries"]
    assert many == 8 * whole
    assert low < many


@pytest.mark.parametrize("family", FAMILIES)
def test_an_automatic_budget_takes_half_of_the_free_memory(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(family, torch.float32)
    held = footprint(model, 33)
    free = 2 * held.bytes(500)
    monkeypatch.setattr("engine.pipeline.footprint.free_memory", lambda _: free)
    assert tokens_in_force(model, CORPUS, "auto", IN_FLOAT32) == pytest.approx(500, abs=1)
    monkeypatch.setattr("engine.pipeline.footprint.free_memory", lambda _: 0)
    assert tokens_in_force(model, CORPUS, "auto", IN_FLOAT32) == 33
    monkeypatch.setattr("engine.pipeline.footprint.free_memory", lambda _: 2**50)
    assert tokens_in_force(model, CORPUS, "auto", IN_FLOAT32) == 8192
    monkeypatch.setattr("engine.pipeline.footprint.free_memory", lambda _: None)
    assert tokens_in_force(model, CORPUS, "auto", IN_FLOAT32) == 8192
    assert tokens_in_force(model, CORPUS, 17, IN_FLOAT32) == 17


def test_a_plan_that_does_not_fit_says_so_and_an_automatic_budget_is_one_sequence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, forward = tiny_model("llama", torch.float32), Capture.forward

    def failing(opened: Capture, ids: Tensor) -> Tensor:
        if len(ids) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(opened, ids)

    monkeypatch.setattr(Capture, "forward", failing)
    with pytest.raises(DeviceError, match="Two sequences of 33 tokens do not fit"):
        make_plan(model, CORPUS, 1)
    assert tokens_in_force(model, CORPUS, "auto", IN_FLOAT32) == 33


def test_an_automatic_budget_changes_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama", torch.float64)
    factors = fit_factors(model, CORPUS)
    expected = score(model, factors, QUERIES, CORPUS).sequence
    free = 2 * footprint(model, 33).bytes(70)
    monkeypatch.setattr("engine.pipeline.footprint.free_memory", lambda _: free)
    sizes = [len(batch.index) for batch in batches(model, CORPUS, 70)]
    assert max(sizes) == 2
    found = score(model, factors, QUERIES, CORPUS, ScoreConfig(batch_tokens="auto")).sequence
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("config", [FactorConfig, ScoreConfig])
def test_a_budget_without_a_token_is_refused(config: type[FactorConfig] | type[ScoreConfig]) -> None:
    with pytest.raises(CorpusError, match="batch_tokens=0 holds no token"):
        config(batch_tokens=0)


def test_times_of_one_batch_are_stretched_to_the_corpus_the_layers_and_the_queries() -> None:
    model = tiny_model("llama", torch.float32)
    plan = make_plan(model, CORPUS, 4, score=ScoreConfig(batch_tokens=330))
    ticks = iter(range(10_000))
    # Whatever is timed takes a second.
    found = expected_times(model, CORPUS, plan, clock=lambda: float(next(ticks)))
    batches_in_all = 40 * 33 / 330
    assert found.fit["covariances"] == pytest.approx(batches_in_all * (1 + 2))
    assert found.fit["eigenvalues"] == pytest.approx(batches_in_all * (1 + 2 * 3))
    # Gate and up share an input, so a layer has two of them, and three outputs.
    assert found.fit["eigenvectors"] == pytest.approx(2 * (2 + 3))
    assert found.scan["scanning"] == pytest.approx(batches_in_all * (1 + 2 * 3))
    assert found.scan["gradients"] == pytest.approx(4 * 64 / 330 + 4 * 2 * 3)


@pytest.mark.parametrize("rank", [None, 2, RetainedEnergy(0.9)])
@pytest.mark.parametrize("block_width", [None, 5])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_stage_of_every_choice_is_timed(
    family: str, block_width: int | None, rank: int | RetainedEnergy | None
) -> None:
    model = tiny_model(family, torch.float32)
    fit, config = FactorConfig(block_width=block_width), ScoreConfig(rank=rank, top_k=3)
    plan = make_plan(model, iterated(CORPUS), 2, fit, config)
    found = expected_times(model, iterated(CORPUS), plan, fit, config)
    assert set(found.fit) == {stage.name for stage in plan.fit}
    assert set(found.scan) == {stage.name for stage in plan.scan}
    assert all(seconds > 0 for seconds in [*found.fit.values(), *found.scan.values()])


def iterated(corpus: list[Sequence]) -> Sequences:
    """A corpus that can only be gone through."""

    class Streamed:
        def __len__(self) -> int:
            return len(corpus)

        def __iter__(self) -> Iterator[Sequence]:
            return iter(corpus)

    return Streamed()
