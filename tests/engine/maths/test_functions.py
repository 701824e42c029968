"""The pure functions against definitions written out."""

import numpy as np
import pytest
import torch

from engine.maths.corrected_eigenvalues import squared_gradient_sum
from engine.maths.covariance import PANEL, symmetric, upper_second_moment_sum
from engine.maths.eigenbasis import Eigenbasis
from engine.maths.gradient import rotating_tokens_is_cheaper
from engine.maths.influence import (
    factored_sequence_influences,
    factored_token_influences,
    sequence_influences,
    token_influences,
)
from engine.maths.low_rank import factor, factor_to_energy
from engine.maths.measurement import log_likelihood_gradient, log_likelihoods
from engine.maths.sampling import sample_labels, uniforms


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize(("tokens", "d_in", "d_out"), [(3, 5, 6), (40, 5, 6)])
def test_both_orders_of_rotation_give_the_squared_gradient(tokens: int, d_in: int, d_out: int) -> None:
    d, a = random(4, tokens, d_out), random(4, tokens, d_in)
    q_s, q_a = torch.linalg.qr(random(d_out, d_out))[0], torch.linalg.qr(random(d_in, d_in))[0]
    expected = sum(((q_s.T @ (d[b].T @ a[b]) @ q_a) ** 2 for b in range(4)), torch.zeros(d_out, d_in))
    bases = (Eigenbasis(q.new_zeros(len(q)), (q,)) for q in (q_s, q_a))
    torch.testing.assert_close(squared_gradient_sum(d, a, *bases), expected)
    assert rotating_tokens_is_cheaper(tokens, d_in, d_out) == (tokens == 3)


def test_all_ways_of_scoring_agree() -> None:
    d, a = random(3, 7, 4), random(3, 7, 5)
    left, right = random(2, 4, 3), random(2, 5, 3)
    matrix = left @ right.transpose(1, 2)
    tokens = token_influences(d, a, matrix)
    expected = torch.einsum("bto,qoi,bti->qbt", d, matrix, a)
    torch.testing.assert_close(tokens, expected)
    torch.testing.assert_close(factored_token_influences(d, a, left, right), expected)
    torch.testing.assert_close(sequence_influences(d, a, matrix), expected.sum(-1))
    torch.testing.assert_close(factored_sequence_influences(d, a, left, right), expected.sum(-1))


def test_the_logits_gradient_equals_autograd() -> None:
    logits = random(2, 5, 11).requires_grad_()
    labels = torch.randint(0, 11, (2, 5), generator=torch.Generator().manual_seed(0))
    counted = torch.tensor([[True, True, False, False, True], [False, True, True, False, False]])
    value = log_likelihoods(logits, labels, counted)
    expected = torch.autograd.grad(value.sum(), logits)[0]
    torch.testing.assert_close(log_likelihood_gradient(logits.detach(), labels, counted), expected)
    by_hand = torch.log_softmax(logits, -1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(value, (by_hand * counted).sum(-1))


def test_sampled_labels_have_the_models_frequencies() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0]).expand(400, 50, 4)
    labels = sample_labels(logits, uniforms(0, torch.arange(400), 50))
    frequencies = labels.flatten().bincount(minlength=4) / labels.numel()
    expected = torch.softmax(logits[0, 0], -1)
    deviation = (expected * (1 - expected) / labels.numel()).sqrt()
    assert bool(((frequencies - expected).abs() < 4 * deviation).all())


def test_uniform_numbers_are_uniform_and_depend_on_their_own_place() -> None:
    draws = uniforms(3, torch.arange(100), 100)
    assert torch.equal(uniforms(3, torch.tensor([41]), 100)[0], draws[41])
    counts = np.histogram(draws.numpy(), bins=20, range=(0, 1))[0]
    assert ((counts - 500) ** 2 / 500).sum() < 60
    assert abs(float(torch.corrcoef(torch.stack([draws[:, 0], draws[:, 1]]))[0, 1])) < 0.3


def test_a_label_at_the_end_of_the_table_stays_inside_it() -> None:
    assert sample_labels(torch.zeros(1, 1, 3), torch.full((1, 1), 1 - 2.0**-53)).item() == 2


def test_low_rank_is_the_best_approximation_and_energy_chooses_the_least_rank() -> None:
    matrix = random(6, 5)
    values = torch.linalg.svdvals(matrix)
    left, right = factor(matrix, 2)
    lost = (matrix - left @ right.T).norm()
    torch.testing.assert_close(lost, values[2:].norm())
    shares = (values.square().cumsum(0) / values.square().sum()).tolist()
    for rank, share in enumerate(shares, start=1):
        assert factor_to_energy(matrix, share - 1e-9)[0].shape == (6, rank)
    assert factor_to_energy(torch.zeros(3, 3), 0.9)[1].shape == (3, 1)


def test_a_sketched_factor_is_nearly_the_best_one() -> None:
    # Singular values that fall off slowly are the hard case.
    left, right = torch.linalg.qr(random(300, 200))[0], torch.linalg.qr(random(200, 200))[0]
    values = torch.arange(1, 201, dtype=torch.float64) ** -0.7
    matrix = left * values @ right.T
    for rank in (4, 16, 40):
        u, v = factor(matrix, rank)
        assert (matrix - u @ v.T).norm() < 1.01 * values[rank:].norm()
    kept = factor_to_energy(matrix, 0.9)[0].shape[1]
    needed = int((values.square().cumsum(0) / values.square().sum() < 0.9).sum()) + 1
    assert needed <= kept <= needed + 1


@pytest.mark.parametrize("d", [1, 7, 2 * PANEL - 1, 2 * PANEL, 2 * PANEL + 37])
def test_panels_of_the_second_moment_complete_to_the_whole_product(d: int) -> None:
    vectors = random(5, d)
    torch.testing.assert_close(symmetric(upper_second_moment_sum(vectors)), vectors.T @ vectors)
