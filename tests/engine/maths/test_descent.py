"""Descent from gradients alone: on quadratic forms against the solution, and where a quadratic model would fail."""

import torch
from torch import Tensor

from engine.maths.descent import minimise

SHAPES = {"a": (4, 3), "b": (2, 5)}
SIZES = [rows * columns for rows, columns in SHAPES.values()]


def flat(point: dict[str, Tensor]) -> Tensor:
    return torch.cat([point[name].flatten() for name in SHAPES])


def matrices(vector: Tensor) -> dict[str, Tensor]:
    return {name: part.view(SHAPES[name]) for name, part in zip(SHAPES, vector.split(SIZES), strict=True)}


def spd(seed: int) -> Tensor:
    root = torch.randn(sum(SIZES), sum(SIZES), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return root @ root.T / sum(SIZES) + 0.1 * torch.eye(sum(SIZES), dtype=torch.float64)


def right_side(seed: int) -> Tensor:
    return torch.randn(sum(SIZES), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_a_quadratic_form_is_minimised_at_the_solution_of_its_system() -> None:
    matrix, right = spd(0), right_side(1)
    diagonal = matrix.diagonal()
    found = minimise(
        lambda point: matrices(matrix @ flat(point) - right),
        lambda gradient: matrices(flat(gradient) / diagonal),
        matrices(-right),
        tolerance=1e-8,
        iterations=400,
    )
    torch.testing.assert_close(flat(found.point), torch.linalg.solve(matrix, right), rtol=1e-6, atol=1e-6)
    assert found.residual <= 1e-8


def test_a_preconditioner_far_too_long_is_reined_in_where_the_function_is_far_from_quadratic() -> None:
    # sum of cosh is steep away from zero: the first step of the preconditioner would end at a value of e^300.
    right = right_side(2)
    found = minimise(
        lambda point: matrices(torch.sinh(flat(point)) - right),
        lambda gradient: matrices(300 * flat(gradient)),
        matrices(-right),
        tolerance=1e-8,
        iterations=100,
    )
    torch.testing.assert_close(flat(found.point), torch.asinh(right), rtol=1e-6, atol=1e-8)


def test_a_preconditioner_far_too_short_is_stretched() -> None:
    right = right_side(3)
    found = minimise(
        lambda point: matrices(1e-3 * flat(point) - right),
        lambda gradient: matrices(flat(gradient)),
        matrices(-right),
        tolerance=1e-8,
        iterations=20,
    )
    torch.testing.assert_close(flat(found.point), 1e3 * right, rtol=1e-6, atol=1e-6)


def test_it_stops_at_its_bound_and_says_what_is_left() -> None:
    matrix, right = spd(4), right_side(5)
    seen: list[int] = []
    found = minimise(
        lambda point: matrices(matrix @ flat(point) - right),
        lambda gradient: gradient,
        matrices(-right),
        tolerance=1e-12,
        iterations=2,
        report=seen.append,
    )
    assert found.iterations == 2
    assert seen == [0, 1]
    assert 0 < found.residual < 1
    assert found.gradients >= 2
