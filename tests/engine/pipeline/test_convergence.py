"""The convergence report against a fit of the half made by hand, and against data that cannot move anything."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from engine import (
    CorpusError,
    FactorConfig,
    FactorsError,
    LanguageModel,
    Progress,
    Query,
    ScoreConfig,
    Sequence,
    fit_factors,
    score,
)
from engine.corpus.subset import random_half
from engine.maths.sampling import sample_labels, uniforms
from engine.pipeline.convergence import ConvergenceConfig, convergence, fit_half
from tests.engine.tiny import log_likelihood, sequences, tiny_model, weight_gradients

QUERIES = [Query.from_ids([3, 5, 7], [2, 9]), Query.from_ids([11], [4])]
TRUE = FactorConfig(labels="true")


@pytest.fixture
def model() -> LanguageModel:
    return tiny_model("llama", torch.float32)


def test_data_that_repeats_one_sequence_moves_nothing(model: LanguageModel) -> None:
    repeated = sequences(1, longest=9) * 8
    factors = fit_factors(model, repeated, TRUE)
    found = convergence(model, factors, QUERIES, sequences(30), repeated, ConvergenceConfig(top=5))
    assert (found.half, found.whole, found.scored, found.top) == (4, 8, 30, 5)
    for query in found.queries:
        assert query.share == query.jaccard == 1
        assert query.spearman == pytest.approx(1, abs=1e-3)
        assert query.pearson == pytest.approx(1, abs=1e-5)


def test_the_report_equals_one_made_by_hand(model: LanguageModel) -> None:
    corpus, scored = sequences(20), sequences(40, seed=8)
    factors = fit_factors(model, corpus, TRUE)
    seen: list[Progress] = []
    config = ConvergenceConfig(top=10, seed=3)
    found = convergence(model, factors, QUERIES, scored, corpus, config, progress=seen.append)
    plain = ScoreConfig(per_token=False)
    half = fit_factors(model, list(random_half(corpus, 3)), TRUE)
    before, after = (score(model, fitted, QUERIES, scored, plain).sequence for fitted in (half, factors))
    assert before is not None
    assert after is not None
    for place, query in enumerate(found.queries):
        left, right = before[place].numpy(), after[place].numpy()
        common = len(set(np.argsort(-left)[:10].tolist()) & set(np.argsort(-right)[:10].tolist()))
        assert query.share == common / 10
        assert query.jaccard == pytest.approx(common / (20 - common))
        assert query.spearman == pytest.approx(spearmanr(left, right).statistic, abs=1e-6)
        assert query.pearson == pytest.approx(pearsonr(left, right).statistic, abs=1e-5)
        assert query.pearson < 1
    # One pass over what is scored, for both sets of factors and all queries.
    assert [step.done for step in seen if step.stage == "scanning"].count(len(scored)) == 1


def test_the_half_keeps_the_labels_that_the_whole_fit_drew() -> None:
    model, corpus = tiny_model("gpt_neox", torch.float64), sequences(14)
    factors = fit_factors(model, corpus, FactorConfig(seed=2, batch_tokens=24))
    half = random_half(corpus, 0)
    fitted = fit_half(model, half, factors)
    name = model.tracked[-1]
    module = fitted.modules[name]
    expected = torch.zeros_like(module.corrected_eigenvalues)
    for index in half.places.tolist():
        ids = corpus[index].ids
        logits = model.hf_model(input_ids=torch.tensor([ids])).logits
        drawn = sample_labels(logits, uniforms(2, torch.tensor([index]), len(ids)))[0, :-1].tolist()
        gradient = weight_gradients(model, log_likelihood(model, ids, labels=drawn))[name]
        rotated = module.gradient_eigenvectors.T @ gradient @ module.activation_eigenvectors
        expected += rotated.square() / 7
    torch.testing.assert_close(module.corrected_eigenvalues, expected, rtol=1e-8, atol=1e-12)


def test_a_random_half_is_drawn_by_its_seed_and_streams_in_order() -> None:
    class Streamed:
        """Sequences that can only be streamed."""

        def __len__(self) -> int:
            return 11

        def __iter__(self) -> Iterator[Sequence]:
            return iter(corpus)

    corpus = sequences(11)
    half = random_half(Streamed(), 1)
    assert len(half) == len(half.places) == 5
    assert half.places.tolist() == sorted(set(half.places.tolist()))
    assert list(half) == list(half) == [corpus[place] for place in half.places]
    assert random_half(corpus, 1).places.tolist() == half.places.tolist()
    assert random_half(corpus, 2).places.tolist() != half.places.tolist()


def test_factors_of_other_sequences_are_refused(model: LanguageModel) -> None:
    corpus = sequences(6)
    factors = fit_factors(model, corpus, TRUE)
    with pytest.raises(FactorsError, match="not fitted on these 5") as caught:
        convergence(model, factors, QUERIES, corpus, corpus[:-1])
    assert "same order" in caught.value.remedy


def test_too_few_sequences_are_refused(model: LanguageModel) -> None:
    corpus = sequences(6)
    with pytest.raises(CorpusError, match="no ranking"):
        convergence(model, fit_factors(model, corpus, TRUE), QUERIES, corpus[:1], corpus)
    with pytest.raises(CorpusError, match="no half"):
        convergence(model, fit_factors(model, corpus[:1], TRUE), QUERIES, corpus, corpus[:1])
