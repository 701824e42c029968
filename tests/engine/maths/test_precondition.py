"""Preconditioning against the damped inverse of the whole Kronecker product, written out, in float64."""

import pytest
import torch
from torch import Tensor

from engine.maths.eigenbasis import eigenbasis
from engine.maths.precondition import precondition

DAMPING = 0.07


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def covariance(d: int) -> Tensor:
    vectors = random(3 * d, d)
    return vectors.T @ vectors / (3 * d)


@pytest.mark.parametrize(("out_blocks", "in_blocks"), [([5], [6]), ([3, 2], [6]), ([3, 2], [2, 2, 2])])
def test_precondition_is_the_damped_inverse_of_the_block_diagonal_kronecker_product(
    out_blocks: list[int], in_blocks: list[int]
) -> None:
    s_blocks, a_blocks = [covariance(d) for d in out_blocks], [covariance(d) for d in in_blocks]
    gradient = random(2, 5, 6)
    dense = torch.kron(torch.block_diag(*s_blocks), torch.block_diag(*a_blocks)) + DAMPING * torch.eye(30)
    expected = torch.linalg.solve(dense, gradient.flatten(1).T).T.view_as(gradient)
    gradient_basis, activation_basis = eigenbasis(s_blocks, "S"), eigenbasis(a_blocks, "A")
    # With K-FAC's own eigenvalues the Kronecker product is meant exactly.
    eigenvalues = torch.outer(gradient_basis.values, activation_basis.values)
    found = precondition(gradient, gradient_basis, activation_basis, eigenvalues, DAMPING)
    torch.testing.assert_close(found, expected)


def test_with_one_block_it_is_the_papers_formula_to_the_bit() -> None:
    gradient, eigenvalues = random(3, 5, 6).float(), random(5, 6).float().square()
    s, a = eigenbasis([covariance(5).float()], "S"), eigenbasis([covariance(6).float()], "A")
    q_s, q_a = s.dense(), a.dense()
    by_hand = q_s @ ((q_s.T @ gradient @ q_a) / (eigenvalues + DAMPING)) @ q_a.T
    assert torch.equal(precondition(gradient, s, a, eigenvalues, DAMPING), by_hand)
