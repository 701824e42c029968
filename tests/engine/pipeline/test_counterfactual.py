"""The counterfactual check against the exact damped Gauss-Newton inverse, written out densely."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import pearsonr

from engine import AbsoluteDamping, CorpusError, LanguageModel, Query, ScoreConfig, fit_factors, score
from engine.maths.damping import damping_value
from engine.pipeline.counterfactual import CounterfactualConfig, counterfactual, one_step
from tests.engine.dense import dense_logits, flat, gauss_newton
from tests.engine.tiny import hf_model, log_likelihood, sequences, weight_gradients

QUERY = Query.from_ids([3, 5, 7], [2, 9])
DAMPING = AbsoluteDamping(0.05)


def model_and_corpus() -> tuple[LanguageModel, list]:
    hf = hf_model("gpt_neox", torch.float64, width=4)
    # The dense Jacobian needs attention that can be batched.
    hf.set_attn_implementation("eager")
    return LanguageModel(hf), sequences(10, seed=5, longest=6)


def test_the_measured_change_is_that_of_the_exact_damped_inverse() -> None:
    model, corpus = model_and_corpus()
    factors = fit_factors(model, corpus)
    dense = gauss_newton(model, corpus) + DAMPING.value * torch.eye(len(gauss_newton(model, corpus[:1])))
    measured = flat(model, weight_gradients(model, log_likelihood(model, [3, 5, 7, 2, 9], start=3)))
    n = 100_000
    for sequence in corpus[:3]:
        pull = flat(model, weight_gradients(model, log_likelihood(model, sequence.ids)))
        exact = (measured @ torch.linalg.solve(dense, pull)).item() / n
        for copies in (1, -1):
            config = CounterfactualConfig(copies=copies, iterations=200, tolerance=1e-4, damping=DAMPING)
            found = counterfactual(model, factors, [QUERY], sequence, corpus, n, config)
            assert found.residual <= 1e-4
            assert found.measured[0] == pytest.approx(copies * exact, rel=2e-2)


def log_p_at_the_minimum(model: LanguageModel, corpus: list, weight: float) -> float:
    """log p of the first sequence at the minimum of eq 7 with that weight on it, found by SciPy's L-BFGS."""
    own = [torch.log_softmax(dense_logits(model, s.ids, None), -1).detach() for s in corpus]
    size = sum(out * inp for out, inp in (model.dimensions(name) for name in model.tracked))

    def log_p(step: torch.Tensor) -> torch.Tensor:
        labels = torch.tensor(corpus[0].ids[1:])
        return torch.log_softmax(dense_logits(model, corpus[0].ids, step), -1).gather(1, labels[:, None]).sum()

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        step = torch.from_numpy(values.copy()).requires_grad_()
        divergences = [
            (p.exp() * (p - torch.log_softmax(dense_logits(model, s.ids, step), -1))).sum()
            for p, s in zip(own, corpus, strict=True)
        ]
        value = torch.stack(divergences).mean() - weight * log_p(step) + DAMPING.value / 2 * step.square().sum()
        return value.item(), torch.autograd.grad(value, step)[0].numpy()

    options = {"maxiter": 5000, "maxfun": 20000, "ftol": 1e-15, "gtol": 1e-9}
    found = minimize(objective, np.zeros(size), jac=True, method="L-BFGS-B", options=options)
    return log_p(torch.from_numpy(found.x)).item()


@pytest.mark.parametrize("training_sequences", [40, 80])
def test_the_minimum_is_found_where_a_copy_moves_the_model_out_of_the_quadratic_range(training_sequences: int) -> None:
    model, corpus = model_and_corpus()
    own = Query.from_ids(corpus[0].ids[:1], corpus[0].ids[1:])
    before = log_likelihood(model, corpus[0].ids).item()
    factors, config = fit_factors(model, corpus), CounterfactualConfig(iterations=200, tolerance=1e-3, damping=DAMPING)
    found = counterfactual(model, factors, [own], corpus[0], corpus, training_sequences, config)
    assert found.residual <= 1e-3
    expected = log_p_at_the_minimum(model, corpus, 1 / training_sequences) - before
    assert found.measured[0] == pytest.approx(expected, rel=1e-3)


def test_a_weighted_sample_stands_for_the_corpus_it_was_drawn_from() -> None:
    model, corpus = model_and_corpus()
    factors, config = fit_factors(model, corpus), CounterfactualConfig(iterations=200, tolerance=1e-2, damping=DAMPING)
    # Of ten sequences two are in the corpus three times: the same average, from fewer sequences.
    whole = [*corpus, *corpus[:2], *corpus[:2]]
    weights = [3 / 14, 3 / 14, *[1 / 14] * 8]
    expected = counterfactual(model, factors, [QUERY], corpus[2], whole, 40, config)
    found = counterfactual(model, factors, [QUERY], corpus[2], corpus, 40, config, weights=weights)
    plain = counterfactual(model, factors, [QUERY], corpus[2], corpus, 40, config)
    assert found.measured[0] == pytest.approx(expected.measured[0], rel=1e-2)
    assert abs(plain.measured[0] / expected.measured[0] - 1) > 5e-2


@pytest.mark.parametrize("weights", [[0.1] * 9, [0.2] * 10])
def test_weights_that_are_no_average_are_refused(weights: list[float]) -> None:
    model, corpus = model_and_corpus()
    with pytest.raises(CorpusError, match="adding up to 1"):
        counterfactual(model, fit_factors(model, corpus), [QUERY], corpus[0], corpus, 40, weights=weights)


def test_the_prediction_is_the_influence_over_n() -> None:
    model, corpus = model_and_corpus()
    factors = fit_factors(model, corpus)
    influence = score(model, factors, [QUERY], corpus, ScoreConfig(damping=DAMPING)).sequence
    assert influence is not None
    config = CounterfactualConfig(iterations=1, damping=DAMPING)
    found = counterfactual(model, factors, [QUERY], corpus[2], corpus, 40, config)
    assert found.predicted[0] == pytest.approx(float(influence[0, 2]) / 40, rel=1e-5)


def test_ekfac_is_nearer_the_exact_inverse_than_kfac_and_the_identity() -> None:
    model, corpus = model_and_corpus()
    # Repeated, so that each sequence has many draws of labels and the approximation is tested, not the draw.
    factors = fit_factors(model, corpus * 60)
    config = ScoreConfig(damping=DAMPING)
    ekfac = score(model, factors, [QUERY], corpus, config).sequence
    gradient = weight_gradients(model, log_likelihood(model, [3, 5, 7, 2, 9], start=3))
    kfac = {}
    for name, fitted in factors.modules.items():
        # K-FAC's curvature a sequence: positions are taken as independent.
        eigenvalues = torch.outer(fitted.gradient_eigenvalues, fitted.activation_eigenvalues)
        eigenvalues = eigenvalues * factors.positions / factors.sequences
        q_s, q_a = fitted.gradient_eigenvectors, fitted.activation_eigenvectors
        damped = eigenvalues + damping_value(DAMPING, eigenvalues)
        kfac[name] = q_s @ ((q_s.T @ gradient[name] @ q_a) / damped) @ q_a.T
    dense = gauss_newton(model, corpus)
    dense = dense + DAMPING.value * torch.eye(len(dense))
    solved = torch.linalg.solve(dense, flat(model, gradient))
    pulls = torch.stack([flat(model, weight_gradients(model, log_likelihood(model, s.ids))) for s in corpus])
    exact = pulls @ solved
    assert ekfac is not None
    agreement = {
        "ekfac": pearsonr(ekfac[0].numpy(), exact.numpy()).statistic,
        "kfac": pearsonr((pulls @ flat(model, kfac)).numpy(), exact.numpy()).statistic,
        "identity": pearsonr((pulls @ flat(model, gradient)).numpy(), exact.numpy()).statistic,
    }
    assert agreement["ekfac"] > agreement["identity"]
    assert agreement["ekfac"] > agreement["kfac"]


def test_one_step_moves_log_p_by_the_gradient_dot_product() -> None:
    model, corpus = model_and_corpus()
    gradient = weight_gradients(model, log_likelihood(model, [3, 5, 7, 2, 9], start=3))
    for sequence in corpus[:3]:
        pull = weight_gradients(model, log_likelihood(model, sequence.ids))
        length = flat(model, pull).norm()
        norm = sum(p.double().square().sum() for m in model.modules.values() for p in m.parameters()).sqrt()
        expected = (flat(model, gradient) @ flat(model, pull) / length * norm).item() * 1e-6
        assert one_step(model, [QUERY], sequence, 1e-6)[0] == pytest.approx(expected, rel=1e-2)


def test_the_weights_are_the_same_bits_afterwards() -> None:
    model, corpus = model_and_corpus()
    before = {name: value.clone() for name, value in model.hf_model.state_dict().items()}
    counterfactual(
        model, fit_factors(model, corpus), [QUERY], corpus[0], corpus, 10, CounterfactualConfig(iterations=2)
    )
    one_step(model, [QUERY], corpus[0])
    assert all(torch.equal(value, before[name]) for name, value in model.hf_model.state_dict().items())
