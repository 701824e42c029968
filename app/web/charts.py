"""Charts as plain geometry: numbers in, rectangles out; the templates only write them down as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.services.shapes import Histogram

DECADES = 3
SLOTS_A_DECADE = 6
LABEL_ROOM = 30
MIDDLE = DECADES * SLOTS_A_DECADE


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


@dataclass(frozen=True)
class Slot:
    """A bar of a histogram with the values between which it stands, and how many scores are there."""

    bar: Bar
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Tick:
    """A value and its place on an axis."""

    x: float
    value: float


@dataclass(frozen=True)
class HistogramChart:
    """A histogram on an axis of signed logarithms."""

    width: float
    height: float
    slots: tuple[Slot, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Link:
    """A line between the same sequence in two neighbouring columns of a comparison."""

    key: int
    path: str


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


def _steps(value: float, largest: float) -> float:
    """How many slots from zero a value stands on an axis of logarithms that runs from 0 to the largest."""
    if value == 0:
        return 0.0
    decades = math.log10(abs(value) / largest) + DECADES
    return math.copysign(max(decades, 0.0) * SLOTS_A_DECADE, value)


def _slot(low: float, high: float, largest: float) -> int:
    """The slot of a bin: the middle one holds all that is smaller than the axis shows."""
    steps = _steps((low + high) / 2, largest)
    return MIDDLE + int(math.copysign(math.ceil(abs(steps) - 1e-9), steps))


def _bounds(slot: int, largest: float) -> tuple[float, float]:
    """The values between which a slot stands."""

    def bound(steps: float) -> float:
        return math.copysign(largest * 10 ** (abs(steps) / SLOTS_A_DECADE - DECADES), steps)

    steps = slot - MIDDLE
    if steps == 0:
        return bound(-0.0), bound(0.0)
    return (bound(steps - 1 or 0.0), bound(steps)) if steps > 0 else (bound(steps), bound(steps + 1 or -0.0))


def histogram(counts: Histogram, width: float = 254, height: float = 96) -> HistogramChart:
    """Counts on an axis of signed logarithms, three decades each way, as high as log(1 + count).

    Scores have heavy tails both ways: on a plain axis nearly all would stand in one bar, and the few that
    matter would not be seen.
    """
    largest = max((abs(edge) for edge in counts.edges), default=0.0)
    if largest == 0:
        return HistogramChart(width, height, (), ())
    found = [0] * (2 * MIDDLE + 1)
    for low, high, count in zip(counts.edges[:-1], counts.edges[1:], counts.counts, strict=True):
        found[min(max(_slot(low, high, largest), 0), 2 * MIDDLE)] += count
    unit, tallest = width / len(found), math.log1p(max(found)) or 1.0
    slots = []
    for index, count in enumerate(found):
        size = height * math.log1p(count) / tallest
        bar = Bar(
            round(index * unit, 2), round(height - size, 2), round(unit - 0.8, 2), round(size, 2), index - MIDDLE, ""
        )
        slots.append(Slot(bar, *_bounds(index, largest), count))
    return HistogramChart(width, height, tuple(slots), _ticks(largest, unit))


def _ticks(largest: float, unit: float) -> tuple[Tick, ...]:
    """Places of zero and of the powers of ten on both sides."""
    top = math.floor(math.log10(largest))
    powers = [10.0**power for power in range(top - DECADES + 1, top + 1)]
    # The smallest power may stand so near to zero that the labels would run into each other.
    powers = [power for power in powers if _steps(power, largest) * unit >= LABEL_ROOM]
    right = [Tick(round((MIDDLE + 1 + _steps(power, largest)) * unit, 1), power) for power in powers]
    left = [Tick(round((MIDDLE - _steps(power, largest)) * unit, 1), -power) for power in reversed(powers)]
    return (*left, Tick(round((MIDDLE + 0.5) * unit, 1), 0.0), *right)


def links(left: Sequence[int], right: Sequence[int], step: float, width: float) -> tuple[Link, ...]:
    """Curves from each sequence of the left column to the same one in the right; rows are `step` apart."""
    places = {key: row for row, key in enumerate(right)}
    found = []
    for row, key in enumerate(left):
        if key in places:
            start, end = (row + 0.5) * step, (places[key] + 0.5) * step
            middle = width / 2
            path = f"M0 {start:.0f}C{middle:.0f} {start:.0f} {middle:.0f} {end:.0f} {width:.0f} {end:.0f}"
            found.append(Link(key, path))
    return tuple(found)
