"""Charts of studies and checks as plain geometry, dots on lines and pairs of values; templates write them as SVG."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.services.shapes import StudyChart, StudyScatter

# Marks differ by form, and by being hollow (the paper's) or full, so that colour is never the only cue.
FORMS = {
    "circle": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
    "square": "M-4-4h8v8h-8z",
    "diamond": "M0-5.6L5.6 0L0 5.6L-5.6 0z",
    "triangle": "M0-5L5.4 4.2H-5.4z",
    "bar": "M-2-6h4v12h-4z",
}
LEFT, RIGHT = 1.5, 98.5
TEXT_LINE, HEAD, BELOW, KEY_LINE = 15, 30, 26, 20
# What a phone's width holds of a label in one line, and of two names of series side by side.
LABEL_CHARACTERS, KEY_CHARACTERS = 54, 22
# Marks of one value would hide each other: series stand this much apart.
APART = 2.5
SCATTER, MARGIN = 400, 54
DECADES = 300


@dataclass(frozen=True)
class Key:
    """How a series is drawn, and where its name stands: across in hundredths, down in pixels."""

    name: str
    css: str
    path: str
    x: float
    y: float


@dataclass(frozen=True)
class Dot:
    """A value on its line: its place in hundredths of the width, its height, and the mark it has."""

    x: float
    y: float
    value: float
    key: Key


@dataclass(frozen=True)
class DotLine:
    """A label, in lines that a phone holds, with the values on the rail beneath; `section` where a part begins."""

    y: float
    label: tuple[str, ...]
    rail: float
    dots: tuple[Dot, ...]
    section: str | None


@dataclass(frozen=True)
class AxisTick:
    """A value on an axis and its place on it."""

    place: float
    value: float


@dataclass(frozen=True)
class DotPlot:
    """Dots on lines, as wide as there is room: places across are in hundredths, heights in pixels."""

    chart: StudyChart
    height: float
    keys: tuple[Key, ...]
    top: float
    lines: tuple[DotLine, ...]
    ticks: tuple[AxisTick, ...]
    reference: float | None


@dataclass(frozen=True)
class Point:
    """A pair of values in a scatter, and what it is."""

    x: float
    y: float
    told: str
    key: Key


@dataclass(frozen=True)
class ScatterPlot:
    """Pairs of values on axes of signed logarithms of one scale, so that equal values lie on the diagonal."""

    scatter: StudyScatter
    size: float
    margin: float
    keys: tuple[Key, ...]
    top: float
    points: tuple[Point, ...]
    ticks: tuple[AxisTick, ...]


def keys(names: Sequence[str], paper: Sequence[bool]) -> tuple[Key, ...]:
    """A mark for each series, named in two columns where they are short; the paper's are hollow and counted apart."""
    counts, found = {True: 0, False: 0}, []
    columns = 1 if max(map(len, names), default=0) > KEY_CHARACTERS else 2
    forms, rows = list(FORMS.values()), -(-len(names) // columns) or 1
    for row, (name, hollow) in enumerate(zip(names, paper, strict=True)):
        place = counts[hollow]
        counts[hollow] += 1
        css = "hollow" if hollow else f"full s{place % len(forms) + 1}"
        x, y = 50.0 * (row // rows), KEY_LINE * (row % rows) + 10.0
        found.append(Key(name, css, forms[place % len(forms)], x, y))
    return tuple(found)


def above(marks: Sequence[Key]) -> float:
    """How high the names of the series stand; one alone needs none."""
    return max(key.y for key in marks) + KEY_LINE if len(marks) > 1 else 4.0


def dots(chart: StudyChart) -> DotPlot:
    """A line a label, a mark a series, on one axis that begins at nought unless a value lies below it."""
    marks = keys([one.name for one in chart.series], [one.paper for one in chart.series])
    values = [value for one in chart.series for value in one.values if value is not None]
    ticks = list(steps(min([0.0, *values]), max([*values, chart.reference or 0.0])))
    low, high = ticks[0], ticks[-1]

    def place(value: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (value - low) / (high - low), 2)

    # How far marks stand from their rail, half of a mark and what sets series apart.
    reach = 6 + APART * (len(marks) - 1) / 2
    lines, y, before = [], above(marks), ""
    for row, label in enumerate(chart.labels):
        section = chart.sections[row] if chart.sections else ""
        begins = section != before
        y, before = y + (HEAD if begins else 0), section
        told = tuple(textwrap.wrap(label, LABEL_CHARACTERS)) or ("",)
        rail = y + TEXT_LINE * len(told) + reach + 2
        found = [
            Dot(place(value), round(rail + APART * (number - (len(marks) - 1) / 2), 1), value, key)
            for number, (key, one) in enumerate(zip(marks, chart.series, strict=True))
            for value in [one.values[row]]
            if value is not None
        ]
        lines.append(DotLine(y, told, rail, tuple(found), section if begins else None))
        y = rail + reach + 6
    axis = tuple(AxisTick(place(tick), tick) for tick in ticks)
    reference = None if chart.reference is None else place(chart.reference)
    return DotPlot(chart, y + BELOW, marks, above(marks), tuple(lines), axis, reference)


def steps(low: float, high: float, most: int = 7) -> Iterator[float]:
    """Round values from at or below `low` to at or above `high`, at most about `most` of them."""
    spread = (high - low) or 1.0
    size = 10.0 ** math.floor(math.log10(spread / most))
    width = next(size * many for many in (1, 2, 2.5, 5, 10) if spread / (size * many) <= most)
    # A value a rounding error past a step needs no further step.
    first, last = math.floor(low / width + 1e-9), math.ceil(high / width - 1e-9)
    yield from (round(step * width, 12) for step in range(first, max(last, first + 1) + 1))


def scatter(told: StudyScatter) -> ScatterPlot:
    """Both axes alike, signed logarithms down to a three-hundredth of the largest value."""
    marks = keys([one.name for one in told.series], [False] * len(told.series))
    sizes = [abs(value) for one in told.series for value in (*one.x, *one.y)]
    largest = max(sizes, default=0.0) or 1.0

    def place(value: float) -> float:
        size = math.log1p(DECADES * abs(value) / largest) / math.log1p(DECADES)
        return round(SCATTER / 2 * (1 + math.copysign(size, value) * 0.96), 1)

    points = [
        Point(place(x), SCATTER - place(y), f"{label}, {one.name}" if len(told.series) > 1 else label, key)
        for key, one in zip(marks, told.series, strict=True)
        for x, y, label in zip(one.x, one.y, one.labels, strict=True)
    ]
    top = 10.0 ** math.floor(math.log10(largest))
    powers = [top / 10, top]
    ticks = [-value for value in reversed(powers)] + [0.0] + powers
    axis = tuple(AxisTick(place(tick), tick) for tick in ticks)
    return ScatterPlot(told, SCATTER, MARGIN, marks, above(marks), tuple(points), axis)
