"""A chart of a page as a file by itself: its SVG with the rules and colours of the style sheet inside."""

import re

from fastapi import Response

from app.paths import bundled
from app.services.errors import NotFound
from app.web.taking_files import attachment

FIGURE = re.compile(r'<figure class="[^"]*\bchart\b[^"]*" data-chart="([\w-]+)">(.*?)</figure>', re.DOTALL)
SVG_TAG = re.compile(r"<svg\b|</svg>")
LIGHT_DARK = re.compile(r"light-dark\(([^,()]+),[^()]*\)")
TOKEN = re.compile(r"--([\w-]+):\s*([^;]+);")
USED = re.compile(r"var\(--([\w-]+)\)")
RULE = re.compile(r"([^{}@]+)\{([^{}]*)\}")
MEDIA = re.compile(r"@[^{}]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
WIDTH = 720
LEVEL = re.compile(r"\.[pn]\d+")


def chart_file(page: Response, name: str) -> Response:
    """The chart of that name on a page. Raises: NotFound, which names those that are there."""
    found = dict(FIGURE.findall(bytes(page.body).decode()))
    if name not in found:
        known = ", ".join(found) or "none on this view"
        raise NotFound(f"There is no chart named {name!r} on this view.", f"There are: {known}.", "name")
    return attachment(standalone(_first_svg(found[name])), f"{name}.svg", "image/svg+xml")


def _first_svg(text: str) -> str:
    """The first `svg` element with those that are nested in it."""
    depth, start = 0, None
    for tag in SVG_TAG.finditer(text):
        start = tag.start() if start is None else start
        depth += -1 if tag[0] == "</svg>" else 1
        if depth == 0:
            return text[start : tag.end()]
    raise AssertionError("a chart has no svg, or one that is not closed")


def standalone(svg: str) -> str:
    """An `svg` element as a document: named, with its style, on the light page's ground."""
    opening, rest = svg.split(">", 1)
    # What takes the width of its page has no width by itself.
    opening = opening.replace('width="100%"', f'width="{WIDTH}"', 1)
    if "xmlns=" not in opening:
        opening += ' xmlns="http://www.w3.org/2000/svg"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{opening}><style>{style()}</style>{_ground(opening)}{rest}\n'


def _ground(opening: str) -> str:
    box = re.search(r'viewBox="([-\d.e]+) ([-\d.e]+) ([\d.e]+) ([\d.e]+)"', opening)
    x, y, width, height = box.groups() if box else ("0", "0", "100%", "100%")
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{tokens()["paper"]}"/>'


def tokens() -> dict[str, str]:
    """The style sheet's tokens by name, as the light page has them."""
    first = _sheet().split("}", 1)[0]
    return {name: LIGHT_DARK.sub(r"\1", value) for name, value in TOKEN.findall(first)}


def style() -> str:
    """The rules that charts use, with values in the place of tokens."""
    known = tokens()
    rules = "".join(_rule(selectors, body) for selectors, body in RULE.findall(MEDIA.sub("", _sheet())))
    return USED.sub(lambda used: known.get(used[1], used[0]), LIGHT_DARK.sub(r"\1", rules))


def _rule(selectors: str, body: str) -> str:
    """A rule as it holds inside of an `svg`; nothing of one that is not about charts."""
    named = [one.strip() for one in selectors.split(",")]
    kept = [one.removeprefix("svg ") for one in named if one.startswith(("svg ", "svg."))]
    # The tints of cells rest on the levels that texts have too.
    kept += [one for one in named if LEVEL.fullmatch(one) and "--a" in body and "background" not in body]
    return f"{', '.join(kept)} {{{body}}}\n" if kept else ""


def _sheet() -> str:
    return re.sub(r"/\*.*?\*/", "", (bundled("static") / "style.css").read_text(encoding="utf-8"), flags=re.DOTALL)
