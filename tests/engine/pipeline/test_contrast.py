"""What is measured: some tokens of a completion, and one completion against another; both against autograd."""

from pathlib import Path

import pytest
import torch

from engine import (
    AbsoluteDamping,
    Contrast,
    ConvergenceConfig,
    Factors,
    FixedRank,
    IndexConfig,
    LanguageModel,
    Measurement,
    PreparedQueries,
    Query,
    RetainedEnergy,
    ScoreConfig,
    Sequence,
    build_index,
    convergence,
    fit_factors,
    prepare,
    score,
    search,
)
from engine.corpus.encoding import encode
from engine.pipeline.counterfactual import CounterfactualConfig, counterfactual, one_step
from engine.pipeline.erasure import erasure
from engine.pipeline.query import log_p_of, measured_gradients
from engine.storage.gradient_index import GradientIndex
from tests.engine.tiny import log_likelihood, sequences, tiny_model, weight_gradients

# Of different lengths, with prompts of their own; the second counts only its first and last token.
ONE = Query.from_ids([3, 5, 7], [2, 9])
OTHER = Query.from_ids([11], [4, 6, 1], [0, 2])
CONTRAST = Contrast(ONE, OTHER)
PLAIN = Query.from_ids([1, 2], [8, 8, 20])
DAMPING = AbsoluteDamping(0.03)


def value_of(model: LanguageModel, asked: Measurement) -> torch.Tensor:
    """The measurement with a graph, written out token by token."""
    if isinstance(asked, Contrast):
        return value_of(model, asked.query) - value_of(model, asked.against)
    prompt, completion = list(asked.prompt_ids or ()), list(asked.completion_ids or ())
    places = range(len(completion)) if asked.counted is None else [start for start, _ in asked.counted]
    ids = [*prompt, *completion]
    return torch.stack(
        [log_likelihood(model, ids[: len(prompt) + at + 1], start=len(prompt) + at) for at in places]
    ).sum()


def scores_of(
    model: LanguageModel, factors: Factors, asked: list[Measurement], corpus: list[Sequence], **chosen: object
) -> torch.Tensor:
    found = score(model, factors, asked, corpus, ScoreConfig(per_token=False, damping=DAMPING, **chosen)).sequence  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize("asked", [OTHER, CONTRAST, Contrast(OTHER, ONE)], ids=["counted", "contrast", "turned"])
def test_the_gradient_is_autograds_of_the_measurement(model64: LanguageModel, asked: Measurement) -> None:
    value = value_of(model64, asked)
    # Between others of both kinds, so that batches are mixed as they come.
    encoded = [encode(model64, one) for one in (PLAIN, asked, Contrast(PLAIN, ONE), ONE)]
    measured, gradients = measured_gradients(model64, encoded)
    assert measured.log_p[1] == pytest.approx(value.item(), rel=1e-10)
    assert log_p_of(model64, encoded[1]) == pytest.approx(value.item(), rel=1e-10)
    for name, gradient in weight_gradients(model64, value).items():
        torch.testing.assert_close(gradients[name][1], gradient, rtol=1e-5, atol=1e-6)


def test_both_log_p_of_a_contrast_are_recorded_and_kept_on_disk(
    model64: LanguageModel, corpus: list[Sequence], tmp_path: Path
) -> None:
    prepared = prepare(model64, fit_factors(model64, corpus), [PLAIN, CONTRAST])
    one, other = value_of(model64, ONE).item(), value_of(model64, OTHER).item()
    assert prepared.log_p == pytest.approx((value_of(model64, PLAIN).item(), one - other))
    assert prepared.log_p_against[0] is None
    assert prepared.log_p_against[1] == pytest.approx(other)
    prepared.save(tmp_path / "prepared")
    loaded = PreparedQueries.load(tmp_path / "prepared")
    assert (loaded.log_p, loaded.log_p_against) == (prepared.log_p, prepared.log_p_against)
    assert prepared.select([1]).log_p_against == prepared.log_p_against[1:]


@pytest.mark.parametrize("rank", [None, RetainedEnergy(1.0), 12], ids=["full", "energy", "fixed"])
def test_the_influence_on_a_contrast_is_the_difference_of_two(
    model64: LanguageModel, corpus: list[Sequence], rank: object
) -> None:
    factors = fit_factors(model64, corpus)
    found = scores_of(model64, factors, [ONE, CONTRAST, OTHER], corpus, rank=rank)
    torch.testing.assert_close(found[1], found[0] - found[2], rtol=1e-5, atol=1e-5 * float(found.abs().max()))


def test_the_tokens_that_count_share_out_the_influence_of_all(model64: LanguageModel, corpus: list[Sequence]) -> None:
    factors = fit_factors(model64, corpus)
    parts = [Query.from_ids([11], [4, 6, 1], [place]) for place in range(3)]
    found = scores_of(model64, factors, [Query.from_ids([11], [4, 6, 1]), *parts], corpus)
    torch.testing.assert_close(found[0], found[1:].sum(0), rtol=1e-5, atol=1e-5 * float(found.abs().max()))


@pytest.fixture
def model() -> LanguageModel:
    return tiny_model("llama", torch.float32)


def test_an_index_names_the_heaviest_for_a_contrast_and_measures_recall_on_it(
    model: LanguageModel, corpus: list[Sequence], tmp_path: Path
) -> None:
    factors = fit_factors(model, corpus)
    whole = IndexConfig(keep=FixedRank(12), bits=8, shard_sequences=5, damping=DAMPING)
    built = build_index(model, factors, corpus, tmp_path / "index", whole, probes=[CONTRAST, OTHER])
    exact = scores_of(model, factors, [CONTRAST], corpus)[0]
    [found] = search(model, factors, built, [CONTRAST], 3)
    assert set(found.positive) == set(exact.topk(3).indices.tolist())
    assert set(found.negative) == set((-exact).topk(3).indices.tolist())
    opened = GradientIndex.open(tmp_path / "index")
    assert opened.manifest.probes == (CONTRAST, OTHER)
    assert opened.recall is not None
    assert opened.recall.queries == 2


def test_erasure_splits_the_score_on_a_contrast(corpus: list[Sequence]) -> None:
    model = tiny_model("gpt_neox", torch.float64)
    factors = fit_factors(model, corpus)
    prepared = prepare(model, factors, [CONTRAST], ScoreConfig(damping=DAMPING))
    exact = scores_of(model, factors, [CONTRAST], corpus)[0]
    for index in (0, 3):
        view = erasure(model, prepared, corpus[index])
        assert float(view.output.sum()) == pytest.approx(float(exact[index]), rel=2e-3)


def test_the_counterfactual_change_of_a_contrast_is_the_difference_of_two(corpus: list[Sequence]) -> None:
    model = tiny_model("gpt_neox", torch.float64)
    factors = fit_factors(model, corpus)
    config = CounterfactualConfig(iterations=3, damping=DAMPING)
    found = counterfactual(model, factors, [ONE, CONTRAST, OTHER], corpus[0], corpus, 1000, config)
    for change in (found.predicted, found.measured, one_step(model, [ONE, CONTRAST, OTHER], corpus[0])):
        assert change[1] == pytest.approx(change[0] - change[2], rel=1e-6, abs=1e-12)


def test_convergence_is_told_of_contrasts_too(model: LanguageModel) -> None:
    corpus = sequences(24)
    factors = fit_factors(model, corpus)
    found = convergence(model, factors, [CONTRAST, ONE], corpus, corpus, ConvergenceConfig(top=5))
    assert [0 <= one.share <= 1 for one in found.queries] == [True, True]
    assert found.queries[0] != found.queries[1]
