"""Token colours and snippets: from signed scores to sixteen tints, and to the window worth showing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEVELS = 16
GAMMA = 0.6
FLOOR = 0.03
SNIPPET_TOKENS = 40
PICTURES = {code: chr(0x2400 + code) for code in range(32) if code not in (9, 10)} | {127: "\u2421"}


@dataclass(frozen=True)
class Piece:
    """A stretch of text under one tint. `level` runs from -16 to 16; tokens of level 0 are joined."""

    text: str
    level: int
    value: float
    position: int

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
    return max((abs(value) for value in values), default=0.0)


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
    total = [0.0]
    for value in values:
        total.append(total[-1] + abs(value))
    start = max(range(len(values) - size + 1), key=lambda i: (round(total[i + size] - total[i], 12), -i))
    inside = [i for i in range(start, start + size) if level(values[i], scale_of(values))]
    slack = (size - (inside[-1] - inside[0] + 1)) // 2 if inside else 0
    centred = inside[0] - slack if inside else start
    first = min(max(centred, 0), len(values) - size)
    return first, first + size


def pieces(tokens: Sequence[str], values: Sequence[float], scale: float, first: int = 0) -> tuple[Piece, ...]:
    """The tokens with their tints; neighbours without a tint are joined, so a page stays small."""
    found: list[Piece] = []
    for position, (token, value) in enumerate(zip(tokens, values, strict=True), start=first):
        tint = level(value, scale)
        if tint == 0 and not token:
            continue
        if tint == 0 and found and found[-1].level == 0:
            last = found[-1]
            found[-1] = Piece(last.text + visible(token), 0, 0.0, last.position)
        else:
            found.append(Piece(visible(token), tint, value, position))
    return tuple(found)


def snippet(
    tokens: Sequence[str], values: Sequence[float], scale: float | None = None, size: int = SNIPPET_TOKENS
) -> Snippet:
    """About forty tokens around the heaviest; `scale` defaults to the sequence's own largest score."""
    first, last = window(values, size)
    tint_scale = scale_of(values) if scale is None else scale
    shown = pieces(tokens[first:last], values[first:last], tint_scale, first)
    return Snippet(shown, cut_before=first > 0, cut_after=last < len(tokens))


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
