"""Layer profiles drawn to one height whatever the number of layers, so that thirds of networks stand side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.web.charts.bars import Bar

WIDTH, HEIGHT = 204.0, 288.0


@dataclass(frozen=True)
class DepthChart:
    """Lying bars from the first layer, on top, to the last; `thirds` are the heights at which thirds begin."""

    width: float
    height: float
    zero: float
    bars: tuple[Bar, ...]
    thirds: tuple[float, ...] = (0.0, HEIGHT / 3, 2 * HEIGHT / 3)


def depth(values: Sequence[float], names: Sequence[str]) -> DepthChart:
    """A bar a layer from a zero line; the largest fills the width, and all of them the height."""
    low, high = min([0.0, *values]), max([0.0, *values])
    unit = WIDTH / ((high - low) or 1.0)
    zero, slot = -low * unit, HEIGHT / max(len(values), 1)
    gap = min(6.0, slot * 0.25)
    bars = []
    for index, (value, name) in enumerate(zip(values, names, strict=True)):
        size = max(abs(value) * unit, 0.75)
        left = zero if value >= 0 else zero - size
        top, across = round(index * slot + gap / 2, 2), round(max(left, 0.0), 2)
        bars.append(Bar(across, top, round(size, 2), round(slot - gap, 2), value, name))
    return DepthChart(WIDTH, HEIGHT, round(zero, 2), tuple(bars))
