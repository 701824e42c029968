"""Sequences by layers: the sum of all on top as bars, and under them a row a sequence, a tinted cell a layer."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from app.services.layers import thirds
from app.services.shapes import SignLayers
from app.web import tokens
from app.web.charts.bars import Chart, sparkline
from app.web.charts.histogram import Tick

LABELS, CELLS, SCORES = 220.0, 252.0, 80.0
BARS, LINE, HEAD = 88.0, 17.0, 22.0
LABEL_COLUMNS = 24
MOST_TICKS = 12


@dataclass(frozen=True)
class Tint:
    """All cells of one tint, as one path."""

    css: str
    path: str


@dataclass(frozen=True)
class MatrixRow:
    """A sequence of the matrix: its rank, the beginning of its text, and its score."""

    y: float
    rank: int
    label: str
    value: float
    sequence_id: int


@dataclass(frozen=True)
class MatrixChart:
    """Bars and cells share one axis of layers, `left` from the frame's edge; `cuts` part the thirds.

    strokes: dashes in the cells whose sign is not the list's, a cue besides colour.
    """

    width: float
    height: float
    left: float
    right: float
    top: float
    bars: Chart
    tints: tuple[Tint, ...]
    strokes: str
    rows: tuple[MatrixRow, ...]
    ticks: tuple[Tick, ...]
    cuts: tuple[float, ...]


def matrix(view: SignLayers, names: Sequence[str], most: int, *, by_list: bool = False) -> MatrixChart:
    """The first `most` sequences; tints by each row's own largest layer, or by the list's."""
    shown, slot = view.rows[:most], CELLS / max(len(names), 1)
    shared = max((tokens.scale_of(row.layers) for row in view.rows), default=0.0) if by_list else None
    top = BARS + HEAD
    cells: dict[str, list[str]] = {}
    strokes = []
    for place, row in enumerate(shown):
        scale = tokens.scale_of(row.layers) if shared is None else shared
        for layer, value in enumerate(row.layers):
            tint = tokens.level(value, scale)
            x, y = round(LABELS + layer * slot, 2), top + place * LINE
            if tint:
                cells.setdefault(f"{'p' if tint > 0 else 'n'}{abs(tint)}", []).append(_cell(x, y, slot))
            if tint and (tint < 0) != (view.sign == "negative"):
                strokes.append(f"M{round(x + slot * 0.25, 2)} {y + LINE / 2 - 0.5}h{round(slot * 0.5 - 0.5, 2)}")
    bars = sparkline(view.layers, names, CELLS, BARS)
    return MatrixChart(
        width=LABELS + CELLS + SCORES,
        height=top + len(shown) * LINE + 4,
        left=LABELS,
        right=LABELS + CELLS,
        top=top,
        bars=bars,
        tints=tuple(Tint(css, "".join(paths)) for css, paths in sorted(cells.items())),
        strokes="".join(strokes),
        rows=tuple(
            MatrixRow(top + place * LINE, row.rank, fitted(row.text), row.influence, row.sequence_id)
            for place, row in enumerate(shown)
        ),
        ticks=_ticks(len(names), slot),
        cuts=tuple(round(LABELS + start * slot, 2) for start, _ in thirds(len(names))[1:]),
    )


def _cell(x: float, y: float, slot: float) -> str:
    gap = 1 if slot > 5 else 0
    wide = round(slot - gap, 2)
    return f"M{x} {y}h{wide}v{LINE - 2}h-{wide}z"


def _ticks(layers: int, slot: float) -> tuple[Tick, ...]:
    """Numbers of layers, from 1, not more than fit."""
    step = max(1, -(-layers // MOST_TICKS))
    return tuple(Tick(round(LABELS + (layer + 0.5) * slot, 2), layer + 1) for layer in range(0, layers, step))


def fitted(text: str, columns: int = LABEL_COLUMNS) -> str:
    """The beginning of a text on a line; wide characters count twice."""
    line, taken = "", 0
    for character in " ".join(text.split()):
        taken += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if taken > columns:
            return f"{line.rstrip()}…"
        line += character
    return line
