"""Bars from a zero line: sparklines upright, profiles lying."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """A rectangle of a chart, with the value it stands for and what that value belongs to."""

    x: float
    y: float
    width: float
    height: float
    value: float
    label: str

    @property
    def css(self) -> str:
        """The class that colours it by sign."""
        return "neg" if self.value < 0 else "pos"


@dataclass(frozen=True)
class Chart:
    """Bars in a frame of `width` x `height`, with the place of the zero line."""

    width: float
    height: float
    zero: float
    bars: tuple[Bar, ...]


def _extent(values: Sequence[float]) -> tuple[float, float]:
    return min(0.0, *values, 0.0), max(0.0, *values, 0.0)


def sparkline(values: Sequence[float], names: Sequence[str], width: float = 70, height: float = 28) -> Chart:
    """Upright bars from a zero line, one a layer, first to last; the largest fills the height."""
    if not values:
        return Chart(width, height, height, ())
    low, high = _extent(values)
    unit = height / ((high - low) or 1.0)
    zero = high * unit if high > low else height
    slot = width / len(values)
    gap = min(2.0, slot * 0.2)
    bars = []
    for index, (value, name) in enumerate(zip(values, names, strict=True)):
        size = max(abs(value) * unit, 0.75)
        top = zero - size if value >= 0 else zero
        bars.append(Bar(round(index * slot, 2), round(top, 2), round(slot - gap, 2), round(size, 2), value, name))
    return Chart(width, height, round(zero, 2), tuple(bars))


def profile(values: Sequence[float], names: Sequence[str], width: float = 190, line: float = 24) -> Chart:
    """Lying bars from a zero line, one a layer, first on top; the largest fills the width."""
    if not values:
        return Chart(width, 0, 0, ())
    low, high = _extent(values)
    unit = width / ((high - low) or 1.0)
    zero = -low * unit
    bars = []
    for index, (value, name) in enumerate(zip(values, names, strict=True)):
        size = max(abs(value) * unit, 1.0)
        left = zero if value >= 0 else zero - size
        bars.append(Bar(round(max(left, 0), 2), index * line + 5, round(size, 2), line - 10, value, name))
    return Chart(width, line * len(values), round(zero, 2), tuple(bars))
