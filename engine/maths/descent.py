"""Minimising a smooth function of several matrices from its gradients alone, with a preconditioner."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

Point = Mapping[str, Float[Tensor, "d_out d_in"]]
Gradient = Callable[[Point], Point]

# A search along a direction ends when the slope has fallen to this share of its start.
SLOPE = 0.2
SEARCHES = 8
# How far a search may go beyond its last trial, and how near to either end of a bracket it may fall.
STRETCH, MARGIN = 4.0, 0.05


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where a descent ended; `residual` is the preconditioned gradient's norm as a share of its start."""

    point: dict[str, Tensor]
    iterations: int
    gradients: int
    residual: float


def minimise(
    gradient: Gradient,
    precondition: Gradient,
    first: Point,
    tolerance: float,
    iterations: int,
    report: Callable[[int], None] = lambda _: None,
) -> Minimum:
    """Preconditioned non-linear conjugate gradients (Polak-Ribiere, restarted where it would turn back), from zero.

    first: the gradient at zero. Every step's length is found from slopes alone, so it neither relies on the function
    being quadratic nor takes differences of its values, which float32 would drown. Ends at `tolerance` or after
    `iterations`; judge by `residual`.
    """
    point = {name: part.new_zeros(part.shape) for name, part in first.items()}
    here, ahead = dict(first), precondition(first)
    size = start = dot(here, ahead)
    direction, length, spent = scaled(ahead, -1.0), 1.0, 0
    for iteration in range(iterations):
        if size <= tolerance**2 * start:
            return Minimum(point, iteration, spent, (size / start) ** 0.5)
        report(iteration)
        slope = dot(here, direction)
        if slope >= 0:
            direction, slope = scaled(ahead, -1.0), -size
        length, there, tried = _search(gradient, point, direction, slope, length)
        point, spent = plus(point, direction, length), spent + tried
        fresh = precondition(there)
        turned = max(0.0, (dot(there, fresh) - dot(here, fresh)) / size)
        direction = plus(scaled(fresh, -1.0), direction, turned)
        here, ahead, size = there, fresh, dot(there, fresh)
    return Minimum(point, iterations, spent, (size / start) ** 0.5)


def _search(
    gradient: Gradient, point: Point, direction: Point, slope: float, length: float
) -> tuple[float, dict[str, Tensor], int]:
    """A length along the direction at which the slope nearly vanishes, the gradient there, and trials made."""
    low, low_slope = 0.0, slope
    high: float | None = None
    high_slope = 0.0
    for trial in range(1, SEARCHES + 1):
        there = dict(gradient(plus(point, direction, length)))
        found = dot(there, direction)
        if abs(found) <= SLOPE * abs(slope) or trial == SEARCHES:
            break
        if found > 0:
            high, high_slope = length, found
        else:
            low, low_slope = length, found
        if high is None:
            bend = found - slope
            secant = length * slope / -bend if bend > 0 else STRETCH * length
            length = min(max(secant, length * (1 + MARGIN)), STRETCH * length)
        else:
            between = (low * high_slope - high * low_slope) / (high_slope - low_slope)
            margin = MARGIN * (high - low)
            length = min(max(between, low + margin), high - margin)
    return length, there, trial


def dot(left: Point, right: Point) -> float:
    """The inner product over all matrices, in float64."""
    return sum(float((part.double() * right[name].double()).sum()) for name, part in left.items())


def scaled(point: Point, by: float) -> dict[str, Tensor]:
    """by x point."""
    return {name: by * part for name, part in point.items()}


def plus(left: Point, right: Point, by: float) -> dict[str, Tensor]:
    """left + by x right."""
    return {name: part + by * right[name] for name, part in left.items()}
