"""The word-order experiment as one picture: every rewording a line, every model a mark on it."""

from collections.abc import Mapping, Sequence
from html import escape

from app.demo.studies import Rewording

WIDTH = 1180
LEFT, RIGHT = 660, 40
TOP, LINE, HEAD = 74, 22, 30
LOW, HIGH = -0.1, 1.3
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
LONGEST = 92
PAPER_MARKS = ("circle", "square", "diamond")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2433}.head{font-weight:600}.quiet{fill:#5b6577}"
    ".rule{stroke:#d9dee7}.paper{fill:none;stroke:#8a6d1f;stroke-width:1.6}.own{fill:#1f4fbf}"
)


def word_order_chart(
    rewordings: Sequence[Rewording],
    paper: Mapping[str, Sequence[float]],
    own: Mapping[str, Sequence[float]],
    title: str,
) -> str:
    """An SVG of influences over that of the exact wording, in the order of the rewordings.

    paper: up to three of the paper's sizes, hollow marks; own: the models measured here, full marks.
    """
    parts = [_key(title, list(paper), list(own)), *_axis(_bottom(rewordings))]
    y, before = TOP, ""
    for place, one in enumerate(rewordings):
        if one.title != before:
            y, before = y + HEAD, one.title
            parts.append(f'<text class="head" x="16" y="{y - 8}">{escape(one.title)}</text>')
        parts.append(f'<text x="28" y="{y + 10}">{escape(_short(one.text))}</text>')
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y + 6}" y2="{y + 6}"/>')
        for mark, values in zip(PAPER_MARKS, paper.values(), strict=False):
            parts.append(_mark(mark, "paper", _x(values[place]), y + 6))
        parts += [_mark("circle", "own", _x(values[place]), y + 6) for values in own.values()]
        y += LINE
    height = _bottom(rewordings) + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _bottom(rewordings: Sequence[Rewording]) -> int:
    return TOP + LINE * len(rewordings) + HEAD * len({one.title for one in rewordings})


def _x(value: float) -> float:
    share = (min(max(value, LOW), HIGH) - LOW) / (HIGH - LOW)
    return round(LEFT + share * (WIDTH - RIGHT - LEFT), 1)


def _axis(bottom: int) -> list[str]:
    lines = [f'<line class="rule" x1="{_x(tick)}" x2="{_x(tick)}" y1="{TOP}" y2="{bottom}"/>' for tick in TICKS]
    words = [f'<text x="{_x(tick)}" y="{bottom + 20}" text-anchor="middle">{tick:g}</text>' for tick in TICKS]
    return [*lines, *words]


def _key(title: str, paper: Sequence[str], own: Sequence[str]) -> str:
    named = [(mark, "paper", f"paper, {name}") for mark, name in zip(PAPER_MARKS, paper, strict=False)]
    named += [("circle", "own", name) for name in own]
    shown = [f'<text class="head" x="16" y="26">{escape(title)}</text>']
    x = 22
    for mark, css, name in named:
        shown.append(_mark(mark, css, x, 48) + f'<text class="quiet" x="{x + 12}" y="52">{escape(name)}</text>')
        x += 40 + 8 * len(name)
    return "".join(shown)


def _mark(mark: str, css: str, x: float, y: float) -> str:
    if mark == "circle":
        return f'<circle class="{css}" cx="{x}" cy="{y}" r="5"/>'
    if mark == "square":
        return f'<rect class="{css}" x="{x - 4.5}" y="{y - 4.5}" width="9" height="9"/>'
    return f'<path class="{css}" d="M{x} {y - 6}L{x + 6} {y}L{x} {y + 6}L{x - 6} {y}Z"/>'


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
