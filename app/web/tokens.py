"""Token colours and snippets: from signed scores to sixteen tints, and to the window worth showing."""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

import numpy as np

from app.services import spans
from app.services.spans import Reading, Span

LEVELS = 16
GAMMA = 0.6
FLOOR = 0.03
SNIPPET_TOKENS = 40
PICTURES = {code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)} | {127: "\u2421"}


@dataclass(frozen=True)
class Piece:
    """A stretch of text under one tint. `level` runs from -16 to 16; tokens of level 0 are joined.

    value: that of its token, word or sentence, of which a snippet may show a part; found: it is what was searched for.
    """

    text: str
    level: int
    value: float
    position: int
    found: bool = False

    @property
    def css(self) -> str:
        """The class that tints it: p1 to p16 for positive, n1 to n16 for negative influence."""
        return f"{'p' if self.level > 0 else 'n'}{abs(self.level)}" if self.level else ""


@dataclass(frozen=True)
class Snippet:
    """The tokens around the heaviest ones, and whether text was left out on either side."""

    pieces: tuple[Piece, ...]
    cut_before: bool
    cut_after: bool


def visible(text: str) -> str:
    """The text with control characters shown as pictures and a token without text as a dotted circle."""
    return text.translate(PICTURES) if text else "\u25cc"


def scale_of(values: Sequence[float]) -> float:
    """The largest size among the values: the score that takes the full tint."""
    return max(map(abs, values), default=0.0)


def level(value: float, scale: float) -> int:
    """The signed tint of a score: (size / scale) ** 0.6 of sixteen, nothing below 3 % of the scale."""
    ratio = min(abs(value) / scale, 1.0) if scale > 0 else 0.0
    if ratio < FLOOR:
        return 0
    steps = max(1, round(LEVELS * math.pow(ratio, GAMMA)))
    return steps if value > 0 else -steps


def window(values: Sequence[float], size: int = SNIPPET_TOKENS) -> tuple[int, int]:
    """The first and last-plus-one position of the `size` neighbours with the most absolute influence."""
    if len(values) <= size:
        return 0, len(values)
    total = np.concatenate(([0.0], np.cumsum(np.abs(np.asarray(values, dtype=np.float64)))))
    # Rounded, so that of stretches that weigh the same the first is shown.
    start = int(np.argmax(np.round(total[size:] - total[:-size], 12)))
    scale = scale_of(values)
    inside = [i for i in range(start, start + size) if level(values[i], scale)]
    slack = (size - (inside[-1] - inside[0] + 1)) // 2 if inside else 0
    centred = inside[0] - slack if inside else start
    first = min(max(centred, 0), len(values) - size)
    return first, first + size


def snippet(
    tokens: Sequence[str],
    values: Sequence[float],
    scale: float | None = None,
    size: int = SNIPPET_TOKENS,
    reading: Reading = "token",
    sought: re.Pattern[str] | None = None,
) -> Snippet:
    """About forty tokens around the heaviest, or around what is sought where that lies elsewhere.

    They are tinted by what they are read by: a word or sentence has its sum, shown or cut. `scale` defaults to the
    sequence's own largest.
    """
    stretches = spans.spans(tokens, reading)
    summed = values if reading == "token" else spans.sums(values, stretches)
    tint_scale = scale_of(summed) if scale is None else scale
    starts = list(accumulate(map(len, tokens), initial=0))
    text = "".join(tokens)
    hits = [found.span() for found in sought.finditer(text)] if sought else []
    first, last = _around(window(values, size), hits, starts)
    shown = slice(bisect_right(stretches, first, key=_stop), bisect_left(stretches, last, key=_start))
    found: list[Piece] = []
    for (start, stop), value in zip(stretches[shown], summed[shown], strict=True):
        begin, end = max(start, first), min(stop, last)
        shade = level(value, tint_scale)
        for part, hit in _parts(text, (starts[begin], starts[end]), hits):
            if part or shade:
                found.append(Piece(visible(part), shade, value, begin, hit))
    return Snippet(_joined(found), cut_before=first > 0, cut_after=last < len(tokens))


def _start(span: Span) -> int:
    return span[0]


def _stop(span: Span) -> int:
    return span[1]


def _around(shown: Span, hits: Sequence[Span], starts: Sequence[int]) -> Span:
    """The stretch of tokens shown, moved to the first hit unless it holds one."""
    first, last = shown
    if not hits or any(starts[first] <= begin and end <= starts[last] for begin, end in hits):
        return shown
    size = last - first
    begin = min(max(bisect_right(starts, hits[0][0]) - 1 - size // 4, 0), len(starts) - 1 - size)
    return begin, begin + size


def _parts(text: str, place: Span, hits: Sequence[Span]) -> list[tuple[str, bool]]:
    """The characters of a place, cut where something sought begins or ends, and whether each part is of it."""
    begin, end = place
    if begin == end or not hits:
        return [(text[begin:end], False)]
    cuts = sorted({begin, end, *(edge for hit in hits for edge in hit if begin < edge < end)})
    return [(text[a:b], any(start <= a and b <= stop for start, stop in hits)) for a, b in pairwise(cuts)]


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Neighbours without a tint as one, so that a page stays small."""
    found: list[Piece] = []
    for (tinted, hit), group in groupby(pieces, key=lambda piece: (bool(piece.level), piece.found)):
        alike = list(group)
        if tinted or len(alike) == 1:
            found += alike
        else:
            found.append(Piece("".join(piece.text for piece in alike), 0, 0.0, alike[0].position, hit))
    return tuple(found)


def every(tokens: Sequence[str], values: Sequence[float], scale: float | None = None) -> tuple[Piece, ...]:
    """Every token as a piece of its own, untinted and empty ones too, so that each can be pointed at."""
    tint_scale = scale_of(values) if scale is None else scale
    return tuple(
        Piece(visible(token), level(value, tint_scale), value, position)
        for position, (token, value) in enumerate(zip(tokens, values, strict=True))
    )


def plain(text: str) -> Piece:
    """A text without scores."""
    return Piece(visible(text), 0, 0.0, 0)
