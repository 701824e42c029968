"""Curves over logarithmic axes: how many scores are at least so large, and what the heaviest hold together."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from app.services import tail
from app.services.shapes import Distribution, Sign, TailFit
from app.web.charts.histogram import Tick

WIDTH, HEIGHT = 560.0, 300.0
# Where nearly all scores are still larger the curve is flat and tells nothing.
HEAD = 0.98
MOST_TICKS = 7
SIGNS: tuple[Sign, ...] = ("positive", "negative")


@dataclass(frozen=True)
class Point:
    """A place of a curve with the numbers it stands for: a size, and how many scores are at least as large."""

    x: float
    y: float
    size: float
    count: int


@dataclass(frozen=True)
class Curve:
    """One sign's points, the line of its fitted law, and where the tail of that begins."""

    sign: Sign
    path: str
    points: tuple[Point, ...]
    law: str = ""
    begins: Point | None = None

    @property
    def css(self) -> str:
        """The class that colours it."""
        return "neg" if self.sign == "negative" else "pos"


@dataclass(frozen=True)
class CurveChart:
    """Curves in a frame; ticks of the lower axis have their place as `x`, those of the left axis as well."""

    width: float
    height: float
    curves: tuple[Curve, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    mark: float | None = None


@dataclass(frozen=True)
class _Sizes:
    """The sizes of one sign, the smallest first: lower edges of bins, their middles, and counts."""

    sign: Sign
    low: list[float]
    middle: list[float]
    counts: list[int]
    fit: TailFit | None

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def above(self) -> list[int]:
        """For each bin how many scores lie in it or above."""
        return list(accumulate(reversed(self.counts)))[::-1]


def _sizes(distribution: Distribution) -> list[_Sizes]:
    """Of both signs, those that have scores."""
    edges, counts = np.array(distribution.histogram.edges), np.array(distribution.histogram.counts, dtype=np.int64)
    found = []
    for sign, fit in zip(SIGNS, (distribution.tail_positive, distribution.tail_negative), strict=True):
        borders, held = tail.magnitudes(edges, counts, sign)
        if held.size and borders[0] > 0:
            middle = np.sqrt(borders[:-1] * borders[1:])
            found.append(_Sizes(sign, borders[:-1].tolist(), middle.tolist(), held.tolist(), fit))
    return found


def ccdf(distribution: Distribution) -> CurveChart | None:
    """For each size the share of the scores of a sign that are at least as large, both axes logarithmic.

    None where no score has a sign.
    """
    sizes = _sizes(distribution)
    if not sizes:
        return None
    least = min(_begins(one) for one in sizes)
    most = max(one.low[-1] for one in sizes) * 1.3
    lowest = 0.7 / max(one.total for one in sizes)
    across, up = _logarithmic(least, most, WIDTH), _logarithmic(1.0, lowest, HEIGHT)
    curves = tuple(_tail_curve(one, least, lowest, across, up) for one in sizes)
    return CurveChart(WIDTH, HEIGHT, curves, _ticks(least, most, across), _ticks(lowest, 1.0, up))


def _begins(sizes: _Sizes) -> float:
    flat = [low for low, above in zip(sizes.low, sizes.above, strict=True) if above >= HEAD * sizes.total]
    return max(flat, default=sizes.low[0])


def _tail_curve(
    sizes: _Sizes, least: float, lowest: float, across: Callable[[float], float], up: Callable[[float], float]
) -> Curve:
    held = zip(sizes.low, sizes.above, sizes.counts, strict=True)
    points = tuple(
        Point(across(low), up(above / sizes.total), low, above) for low, above, count in held if count and low >= least
    )
    law, begins = "", None
    if sizes.fit is not None:
        fit, share = sizes.fit, sizes.fit.tail / sizes.fit.scores
        begins = Point(across(fit.xmin), up(share), fit.xmin, fit.tail)
        end = min(fit.xmin * (share / lowest) ** (1 / (fit.alpha - 1)), sizes.low[-1] * 1.3)
        stop = share * (end / fit.xmin) ** (1 - fit.alpha)
        law = f"M{begins.x} {begins.y}L{across(end)} {up(stop)}"
    return Curve(sizes.sign, _line(points), points, law, begins)


def shares(distribution: Distribution) -> CurveChart | None:
    """What the heaviest sequences of a sign hold of all its influence, by their share of all sequences (logarithmic).

    Sizes are taken at the middle of their bin, a twentieth of a decade wide. None where no score has a sign.
    """
    sizes = _sizes(distribution)
    if not sizes:
        return None
    every = distribution.sequences
    across, up = _logarithmic(1 / every, 1.0, WIDTH), _linear(HEIGHT)
    curves = tuple(_share_curve(one, every, across, up) for one in sizes)
    quarters = tuple(Tick(up(part / 4), part / 4) for part in range(5))
    return CurveChart(WIDTH, HEIGHT, curves, _ticks(1 / every, 1.0, across), quarters, across(0.01))


def _share_curve(sizes: _Sizes, every: int, across: Callable[[float], float], up: Callable[[float], float]) -> Curve:
    held = [middle * count for middle, count in zip(sizes.middle, sizes.counts, strict=True)]
    reached = list(accumulate(reversed(held)))
    total = reached[-1]
    counts = list(accumulate(reversed(sizes.counts)))
    points = tuple(
        Point(across(count / every), up(sum_ / total), sum_ / total, count)
        for count, sum_, new in zip(counts, reached, reversed(sizes.counts), strict=True)
        if new
    )
    return Curve(sizes.sign, _line(points), points)


def share_of_heaviest(chart: CurveChart, sign: Sign, count: int) -> float | None:
    """What the `count` heaviest of a sign hold, read off the curve between its points."""
    found = [curve for curve in chart.curves if curve.sign == sign]
    if not found:
        return None
    points = found[0].points
    return float(np.interp(count, [0, *(one.count for one in points)], [0.0, *(one.size for one in points)]))


def _line(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{point.x} {point.y}" for point in points) if points else ""


def _logarithmic(start: float, end: float, length: float) -> Callable[[float], float]:
    """The place of a value between 0 (start) and `length` (end)."""
    low, high = math.log10(start), math.log10(end)
    span = (high - low) or 1.0
    return lambda value: round(length * (math.log10(value) - low) / span, 1)


def _linear(length: float) -> Callable[[float], float]:
    return lambda share: round(length * (1 - share), 1)


def _ticks(low: float, high: float, place: Callable[[float], float]) -> tuple[Tick, ...]:
    """Powers of ten between two values, every second or third where there are many."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / MOST_TICKS))
    return tuple(Tick(place(10.0**power), 10.0**power) for power in range(last, first - 1, -step))[::-1]
