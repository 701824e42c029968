"""Sequences by their rank, or their influence, under two runs; those that one does not keep stand on its edge."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.web.charts.histogram import Tick

SIZE = 380.0
# Room between the edge on which the not kept stand and the field of those kept by both.
EDGE = 22.0
MOST_TICKS = 5


@dataclass(frozen=True)
class Both:
    """A sequence with its values under the two runs; None where a run does not keep it."""

    key: int
    across: float | None
    up: float | None
    url: str
    told: str


@dataclass(frozen=True)
class Dot:
    """A sequence in the field, or on an edge: `edge` names the side on which a run does not keep it."""

    key: int
    x: float
    y: float
    url: str
    told: str
    edge: str = ""


@dataclass(frozen=True)
class ScatterChart:
    """A square of dots with the heaviest at its top right; ticks of the left axis have their place as `x`."""

    size: float
    edge: float
    dots: tuple[Dot, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    diagonal: bool


def by_rank(found: Sequence[Both]) -> ScatterChart:
    """Ranks on both axes, 1 at the right and at the top."""
    across, up = (_ranks([value for value in values if value is not None]) for values in _axes(found))
    return _chart(found, across, up, diagonal=True)


def by_influence(found: Sequence[Both], *, alike: bool) -> ScatterChart:
    """Sizes of influence on two logarithmic axes; `alike` gives both one reach, so that the diagonal is equality."""
    columns = [[abs(value) for value in values if value] for values in _axes(found)]
    if alike:
        columns = [columns[0] + columns[1]] * 2
    across, up = (_sizes(column) for column in columns)
    return _chart(found, across, up, diagonal=alike)


@dataclass(frozen=True)
class _Axis:
    place: Callable[[float], float]
    ticks: tuple[Tick, ...]


def _axes(found: Sequence[Both]) -> tuple[list[float | None], list[float | None]]:
    return [one.across for one in found], [one.up for one in found]


def _ranks(values: Sequence[float]) -> _Axis:
    last = max(values, default=1.0)
    span = max(last - 1, 1.0)

    def place(rank: float) -> float:
        return round(SIZE * (last - rank) / span, 1)

    step = _step(span / MOST_TICKS)
    marks = [1, *(rank for rank in range(step, int(last) + 1, step) if rank > step / 2 and rank > 1)]
    return _Axis(place, tuple(Tick(place(rank), rank) for rank in marks))


def _step(least: float) -> int:
    """The least of 1, 2, 5, 10, 20 ... that is not below."""
    scale = 10 ** math.floor(math.log10(max(least, 1.0)))
    return int(next(factor * scale for factor in (1, 2, 5, 10) if factor * scale >= least))


def _sizes(values: Sequence[float]) -> _Axis:
    if not values:
        return _Axis(lambda _: SIZE / 2, ())
    low, high = math.log10(min(values)), math.log10(max(values))
    margin = max((high - low) * 0.04, 0.02)
    low, high = low - margin, high + margin

    def place(value: float) -> float:
        return round(SIZE * (math.log10(abs(value)) - low) / (high - low), 1)

    powers = [10.0**power for power in range(math.ceil(low), math.floor(high) + 1)]
    if len(powers) < 2:
        powers = [
            factor * 10.0**power
            for power in range(math.floor(low), math.ceil(high) + 1)
            for factor in (1, 2, 5)
            if low <= math.log10(factor * 10.0**power) <= high
        ]
    powers = powers[:: max(1, math.ceil(len(powers) / MOST_TICKS))]
    return _Axis(place, tuple(Tick(place(power), power) for power in powers))


def _chart(found: Sequence[Both], across: _Axis, up: _Axis, *, diagonal: bool) -> ScatterChart:
    return ScatterChart(
        size=SIZE,
        edge=EDGE,
        dots=tuple(_dot(one, across, up) for one in found),
        across=across.ticks,
        up=tuple(Tick(round(SIZE - tick.x, 1), tick.value) for tick in up.ticks),
        diagonal=diagonal,
    )


def _dot(one: Both, across: _Axis, up: _Axis) -> Dot:
    x = -EDGE if one.across is None else across.place(one.across)
    y = SIZE + EDGE if one.up is None else round(SIZE - up.place(one.up), 1)
    edge = "left" if one.across is None else "below" if one.up is None else ""
    return Dot(one.key, x, y, one.url, one.told, edge)
