"""Linear conjugate gradients against a dense solve."""

import pytest
import torch

from engine.maths.conjugate import solve


def test_the_system_is_solved_and_the_residual_is_that_of_the_answer() -> None:
    torch.manual_seed(0)
    root = torch.randn(12, 12, dtype=torch.float64)
    dense, right = root @ root.T + torch.eye(12, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    scale = torch.rand(3, 4, dtype=torch.float64) + 0.5

    def product(point):
        return {"w": (dense @ point["w"].flatten()).view(3, 4)}

    def precondition(point):
        return {"w": scale * point["w"]}

    for iterations in (4, 40):
        found = solve(product, precondition, {"w": right}, 1e-9, iterations)
        left = right - product(found.point)["w"]
        norm = ((scale * left * left).sum() / (scale * right * right).sum()).sqrt().item()
        assert found.residual == pytest.approx(norm, rel=1e-6, abs=1e-12)
    expected = torch.linalg.solve(dense, right.flatten())
    assert found.residual <= 1e-9
    assert found.iterations < 40
    assert torch.allclose(found.point["w"].flatten(), expected, rtol=1e-7)


def test_nothing_on_the_right_is_answered_with_nothing() -> None:
    zero = {"w": torch.zeros(2, 2)}
    found = solve(lambda point: point, lambda point: point, zero, 0.1, 5)
    assert found.residual == 0
    assert found.iterations == 0
    assert not found.point["w"].any()
