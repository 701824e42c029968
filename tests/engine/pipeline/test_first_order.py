"""Influence with the exact damped inverse, against the Gauss-Newton matrix written out densely."""

import pytest
import torch

from engine import AbsoluteDamping, LanguageModel, Query, Sequence, fit_factors
from engine.pipeline.counterfactual import CounterfactualConfig, counterfactual
from engine.pipeline.first_order import FirstOrder, first_order
from tests.engine.dense import flat, gauss_newton
from tests.engine.tiny import hf_model, log_likelihood, sequences, weight_gradients

QUERY = Query.from_ids([3, 5, 7], [2, 9])
DAMPING = AbsoluteDamping(0.05)
SOLVED = CounterfactualConfig(iterations=300, tolerance=1e-6, damping=DAMPING)


def model_and_corpus() -> tuple[LanguageModel, list[Sequence]]:
    hf = hf_model("gpt_neox", torch.float64, width=4)
    # The dense Jacobian needs attention that can be batched.
    hf.set_attn_implementation("eager")
    return LanguageModel(hf), sequences(10, seed=5, longest=6)


def exact(model: LanguageModel, corpus: list[Sequence], sequence: Sequence, weights: list[float], n: int) -> float:
    dense = sum(weight * gauss_newton(model, [one]) for weight, one in zip(weights, corpus, strict=True))
    dense = dense + DAMPING.value * torch.eye(len(dense))
    measured = flat(model, weight_gradients(model, log_likelihood(model, [3, 5, 7, 2, 9], start=3)))
    pull = flat(model, weight_gradients(model, log_likelihood(model, sequence.ids)))
    return (measured @ torch.linalg.solve(dense, pull)).item() / n


@pytest.mark.parametrize("copies", [1, -1])
@pytest.mark.parametrize("weights", [[0.1] * 10, [0.3, 0.2, 0.15, *[0.05] * 7]])
def test_it_is_that_of_the_dense_matrix(copies: int, weights: list[float]) -> None:
    model, corpus = model_and_corpus()
    factors = fit_factors(model, corpus)
    config = CounterfactualConfig(copies, SOLVED.iterations, SOLVED.tolerance, DAMPING)
    for sequence in corpus[:3]:
        found = first_order(model, factors, [QUERY], sequence, corpus, 40, config, weights=weights)
        assert found.residual <= SOLVED.tolerance
        assert found.exact[0] == pytest.approx(copies * exact(model, corpus, sequence, weights, 40), rel=1e-5)


def test_far_more_training_sequences_bring_the_measured_change_to_it() -> None:
    model, corpus = model_and_corpus()
    factors = fit_factors(model, corpus)
    config = CounterfactualConfig(iterations=200, tolerance=1e-4, damping=DAMPING)
    arguments = (model, factors, [QUERY], corpus[2], corpus, 100_000)
    found, measured = first_order(*arguments, SOLVED), counterfactual(*arguments, config)
    assert found.exact[0] == pytest.approx(measured.measured[0], rel=2e-2)
    assert found.predicted[0] == pytest.approx(measured.predicted[0], rel=1e-9)


def test_neither_the_order_nor_the_batches_of_the_sequences_matter() -> None:
    model, corpus = model_and_corpus()
    factors = fit_factors(model, corpus)

    def found(order: list[Sequence], batch_tokens: int) -> FirstOrder:
        config = CounterfactualConfig(1, 8, 0.0, DAMPING, batch_tokens)
        return first_order(model, factors, [QUERY], corpus[2], order, 40, config)

    one = found(corpus, 8192)
    for other in (found(corpus[::-1], 8192), found(corpus, 6)):
        assert other.exact[0] == pytest.approx(one.exact[0], rel=1e-6)
        assert other.residual == pytest.approx(one.residual, rel=1e-4)


def test_the_weights_are_the_same_bits_afterwards() -> None:
    model, corpus = model_and_corpus()
    before = {name: value.clone() for name, value in model.hf_model.state_dict().items()}
    first_order(model, fit_factors(model, corpus), [QUERY], corpus[0], corpus, 10, SOLVED)
    assert all(torch.equal(value, before[name]) for name, value in model.hf_model.state_dict().items())
