"""Helpers of the study of the proximal Bregman objective: what is chosen, what is averaged over, what agrees."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from benchmarks.curvature import Layout
from benchmarks.pbrf import (
    METHODS,
    QUERIES,
    Sample,
    Study,
    agreement,
    changes,
    chosen,
    correlations,
    gradients_of,
    log_p,
    predictions,
    slope,
    solve,
    weighted_sample,
)
from engine import Query, fit_factors, score
from engine.corpus.encoding import EncodedQuery
from engine.maths.damping import damping_value
from engine.terms import PAPER_DAMPING
from tests.engine.dense import flat, gauss_newton
from tests.engine.tiny import log_likelihood, sequences, tiny_model

SCORES = torch.randn(5, 200, generator=torch.Generator().manual_seed(0))


def test_fifty_different_sequences_are_chosen_the_first_queries_heaviest_first() -> None:
    picks = chosen(SCORES)
    assert len(set(picks)) == len(picks) == 50
    assert picks[:4] == SCORES[0].argsort(descending=True)[:4].tolist()
    assert picks[4:6] == SCORES[0].argsort()[:2].tolist()


def test_the_average_over_the_sample_is_right_in_expectation() -> None:
    corpus = sequences(200)
    study = cast(Any, SimpleNamespace(corpus=corpus))
    sample = weighted_sample(study, SCORES, chosen(SCORES), heaviest=5, others=40)
    assert len(sample.sequences) == len(sample.weights) == sample.certain + 40
    assert float(sample.weights.sum()) == pytest.approx(1)
    assert sample.weights[: sample.certain].unique().tolist() == [1 / 200]
    whole = weighted_sample(study, SCORES, chosen(SCORES), heaviest=5, others=200)
    # With all others drawn, every sequence weighs the same: it is the plain average.
    assert len(whole.sequences) == 200
    torch.testing.assert_close(whole.weights, torch.full((200,), 1 / 200, dtype=torch.float64))


def test_log_p_is_that_of_the_counted_tokens() -> None:
    model = tiny_model("llama", torch.float64)
    found = log_p(model, [EncodedQuery((3, 5, 7, 2), 1), EncodedQuery((3, 5, 7, 2), 3)])
    assert float(found[0]) == pytest.approx(log_likelihood(model, [3, 5, 7, 2]).item(), rel=1e-5)
    assert float(found[1]) == pytest.approx(log_likelihood(model, [3, 5, 7, 2], start=3).item(), rel=1e-5)


def test_correlations_are_given_a_query_at_a_time_and_over_all_pairs() -> None:
    measured = SCORES
    predicted = torch.stack([measured, -measured, measured * torch.tensor([1.0, 1, 1, 1, -1])[:, None]])
    found = correlations(predicted, measured)
    assert list(found) == list(METHODS)
    assert found["ekfac"]["mean over queries"] == {"pearson": 1.0, "spearman": 1.0}
    assert found["kfac"]["all pairs"]["pearson"] == -1.0
    assert found["gradient dot product"]["by query"][QUERIES[4]]["spearman"] == -1.0
    assert found["gradient dot product"]["mean over queries"]["pearson"] == 0.6


def test_agreement_is_pearson_and_spearman() -> None:
    found = agreement(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 4.0, 9.0]))
    assert found == {"pearson": 0.9897, "spearman": 1.0}


def test_the_slope_through_zero_is_that_of_least_squares() -> None:
    x, y = torch.tensor([1.0, 2.0, -1.0]), torch.tensor([0.5, 1.5, 0.0])
    fitted = torch.linalg.lstsq(x.double()[:, None], y.double()[:, None]).solution.item()
    assert slope(x, y) == pytest.approx(fitted)


def study_of(folder: Path) -> Study:
    model = tiny_model("gpt_neox", torch.float64)
    model.hf_model.set_attn_implementation("eager")
    corpus = sequences(6, longest=6)
    factors = fit_factors(model, corpus)
    encoded = [EncodedQuery((3, 5, 7, 2), 2)]
    damping = {n: damping_value(PAPER_DAMPING, each.corrected_eigenvalues) for n, each in factors.modules.items()}
    return Study(model, corpus, factors, encoded, gradients_of(model, encoded), damping, folder)


def test_predictions_are_the_engines_scores_and_gradient_dot_products(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    found = predictions(study)
    asked = [Query.from_ids([3, 5], [7, 2])]
    expected = score(study.model, study.factors, asked, study.corpus).sequence
    assert expected is not None
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-6)
    pulls = gradients_of(study.model, [EncodedQuery(s.ids, 1) for s in study.corpus])
    torch.testing.assert_close(found[2], (study.gradients @ pulls.T).float(), rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
def test_the_measured_change_at_the_minimum_is_that_of_the_exact_damped_inverse(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    sample = Sample(study.corpus, torch.full((6,), 1 / 6, dtype=torch.float64), 0)
    found = solve(study, sample, study.gradients[0], "query", most=200, tolerance=1e-6)
    layout = Layout.of(study.model)
    diagonal: dict[str, Tensor] = {
        name: torch.full(shape, study.damping[name], dtype=torch.float64) for name, shape in layout.shapes
    }
    dense = gauss_newton(study.model, study.corpus) + torch.diag(flat(study.model, diagonal))
    texts = [EncodedQuery(s.ids, 1) for s in study.corpus]
    exact = gradients_of(study.model, texts) @ torch.linalg.solve(dense, study.gradients[0]) / 6
    measured = changes(study, study.model, found.solution, texts, 1e-5) / 1e-5
    assert float((measured - exact).abs().max()) <= 1e-2 * float(exact.abs().max())
