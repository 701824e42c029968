"""Solving a symmetric positive definite linear system in several matrices, with a preconditioner."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from engine.maths.descent import Gradient, Point, dot, plus, scaled


@dataclass(frozen=True, slots=True)
class Solution:
    """Where conjugate gradients ended; `residual` is the norm of b - A x as a share of b's.

    Both norms are the preconditioner's, sqrt(r^T M r).
    """

    point: dict[str, Tensor]
    iterations: int
    residual: float


def solve(
    product: Gradient,
    precondition: Gradient,
    right: Point,
    tolerance: float,
    iterations: int,
    report: Callable[[int], None] = lambda _: None,
) -> Solution:
    """x with A x = right, by preconditioned conjugate gradients from zero; one product A v an iteration.

    Ends at `tolerance`, or after `iterations`; judge by `residual`, which is that of the x returned.
    """
    point = scaled(right, 0.0)
    left, ahead = dict(right), dict(precondition(right))
    direction = dict(ahead)
    size = start = dot(left, ahead)
    for iteration in range(iterations):
        if size <= tolerance**2 * start:
            return Solution(point, iteration, (size / start) ** 0.5 if start else 0.0)
        report(iteration)
        image = product(direction)
        length = size / dot(direction, image)
        point, left = plus(point, direction, length), plus(left, image, -length)
        ahead = dict(precondition(left))
        size, before = dot(left, ahead), size
        direction = plus(ahead, direction, size / before)
    return Solution(point, iterations, (size / start) ** 0.5)
