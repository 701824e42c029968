"""A histogram of signed scores on an axis of logarithms both ways from zero."""

import math
from dataclasses import dataclass

from app.services.shapes import Histogram
from app.web.charts.bars import Bar

DECADES = 3
SLOTS_A_DECADE = 6
LABEL_ROOM = 30
MIDDLE = DECADES * SLOTS_A_DECADE


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
    """A histogram on an axis of signed logarithms; `up` are numbers of scores with their heights."""

    width: float
    height: float
    slots: tuple[Slot, ...]
    ticks: tuple[Tick, ...]
    up: tuple[Tick, ...] = ()


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
    powers = [10**power for power in range(math.ceil(math.log10(max(max(found), 1) + 1)))]
    up = tuple(Tick(round(height - height * math.log1p(power) / tallest, 1), power) for power in powers)
    return HistogramChart(width, height, tuple(slots), _ticks(largest, unit), up)


def _ticks(largest: float, unit: float) -> tuple[Tick, ...]:
    """Places of zero and of the powers of ten on both sides."""
    top = math.floor(math.log10(largest))
    powers = [10.0**power for power in range(top - DECADES + 1, top + 1)]
    # The smallest power may stand so near to zero that the labels would run into each other.
    powers = [power for power in powers if _steps(power, largest) * unit >= LABEL_ROOM]
    right = [Tick(round((MIDDLE + 1 + _steps(power, largest)) * unit, 1), power) for power in powers]
    left = [Tick(round((MIDDLE - _steps(power, largest)) * unit, 1), -power) for power in reversed(powers)]
    return (*left, Tick(round((MIDDLE + 0.5) * unit, 1), 0.0), *right)
