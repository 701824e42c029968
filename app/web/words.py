"""Numbers, times and states in words: the filters of the templates."""

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup, escape

from app.services.shapes import Asked, InfluenceRow

STAGES = {
    "waiting": "waiting for a worker",
    "loading": "loading the model",
    "tokenizing": "cutting the corpus into sequences",
    "fitting": "fitting the factors",
    "covariances": "fitting the factors: covariances",
    "eigenvectors": "fitting the factors: eigenvectors",
    "eigenvalues": "fitting the factors: corrected eigenvalues",
    "indexing": "making the index",
    "writing": "writing the completion",
    "gradients": "preparing the query",
    "preparing": "preparing the query",
    "scanning": "scanning the corpus",
    "rescoring": "scoring the best sequences exactly",
    "solving": "re-optimising with and without the sequence",
    "measuring": "measuring log p",
    "recording": "saving the result",
    "finished": "finished",
}
STATE_MARKS = {"queued": "○", "running": "◐", "done": "●", "failed": "✕", "cancelled": "–"}
KINDS = {
    "fact": "Facts",
    "passage": "Passages learnt by heart",
    "function": "Functions",
    "dialogue": "Dialogues",
    "false": "Answers that are false",
}
SCOPES = {
    "everything": "everything",
    "lexical": "lexical prefilter",
    "indexed": "indexed",
    "candidates": "candidates",
}
FLAGS = {
    "spurious": "may be spurious: one token carries most of it",
    "duplicate": "duplicate of a sequence above",
    "lexical overlap": "shares a phrase with the query",
    "supports": "supports this fact",
    "supporting": "supports this fact",
}
BLOCK = re.compile(r"(?:^|\.)(?:layers|h|blocks|layer)\.(\d+)$")
MINUS = "\u2212"
SUPERSCRIPTS = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")


def plain(value: float) -> str:
    """A number to three figures; powers of ten only where decimals would hide it."""
    size = abs(value)
    if value == 0:
        return "0"
    if size >= 1e7:
        mantissa, exponent = f"{size:.2e}".split("e")
        text = f"{mantissa}×10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    elif size >= 1000:
        text = f"{size:,.0f}"
    elif size >= 0.0095:
        text = f"{size:.3f}"
    elif size >= 0.000095:
        text = f"{size:.5f}"
    else:
        mantissa, exponent = f"{size:.1e}".split("e")
        text = f"{mantissa}×10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return f"{MINUS}{text}" if value < 0 else text


def signed(value: float) -> str:
    """A number with its sign always written."""
    return f"+{plain(value)}" if value > 0 else plain(value)


def power(value: float) -> str:
    """A power of ten on an axis: 0.01, or 10⁻⁵ where that would be long."""
    if value == 0 or 0.001 <= abs(value) < 10_000:
        return f"{MINUS if value < 0 else ''}{abs(value):g}"
    exponent = round(math.log10(abs(value)))
    return f"{MINUS if value < 0 else ''}10{str(exponent).translate(SUPERSCRIPTS)}"


def percent(share: float) -> str:
    """A share as a whole percentage, or one decimal below ten."""
    value = 100 * share
    text = f"{abs(value):.0f}" if abs(value) >= 9.95 else f"{abs(value):.1f}"
    return f"{MINUS if value < 0 else ''}{text} %"


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}"


def size(value: int | None) -> str:
    """A number of parameters: 251k, 4.1M, 1.3B."""
    if value is None:
        return "unknown"
    for limit, letter in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        if value >= limit:
            scaled = value / limit
            return f"{scaled:.0f}{letter}" if scaled >= 99.5 else f"{scaled:.2g}{letter}"
    return str(value)


def duration(seconds: float) -> str:
    """A time in words: 3 s, 2 min 5 s, 1 h 20 min."""
    if seconds < 0.05:
        return "less than 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def moment(value: datetime | None) -> str:
    """A time as a person reads it, in UTC."""
    if value is None:
        return "not yet"
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ordinal(value: int) -> str:
    """1st, 2nd, 3rd, 4th ..."""
    if value % 100 in (11, 12, 13):
        return f"{value}th"
    return f"{value}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(value % 10, 'th') }"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: 1 worker, 2 workers."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def gigabytes(size: int | None) -> str:
    """A size on disk: 512 bytes, 61 kB, 12 MB, 1.3 GB."""
    if size is None:
        return "unknown"
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.2g} {unit}" if size < 99.5 * limit else f"{size / limit:,.0f} {unit}"
    return f"{size} bytes"


def scope(name: str) -> str:
    """A scope as it is called on pages."""
    return SCOPES.get(name, name)


@dataclass(frozen=True)
class Mark:
    """A flag as a list shows it: a few words, and what they rest on when pointed at."""

    text: str
    title: str
    warns: bool


def marks(row: InfluenceRow) -> list[Mark]:
    """The flags of a row, with the rank it repeats and its share of the query's words."""
    return [_mark(name, row) for name in row.flags]


def _mark(name: str, row: InfluenceRow) -> Mark:
    if name == "duplicate" and row.duplicate_of is not None:
        title = f"The same text, exactly or nearly, as the sequence at rank {row.duplicate_of} of this list"
        return Mark(f"duplicate of rank {row.duplicate_of}", title, warns=True)
    if name == "lexical overlap" and row.overlap is not None:
        share = percent(row.overlap)
        title = f"It holds {share} of the query's words, weighted by how rare they are in the corpus, and four in a row"
        return Mark(flag(name), title, warns=False)
    if name == "spurious":
        return Mark(
            flag(name), "\u2016a\u2016\u2082/\u2016a\u2016\u2081 over the token influences lies above 2/3", warns=True
        )
    return Mark(flag(name), "", warns=False)


def flag(name: str) -> str:
    """A flag in words; an unknown one as it stands. A flag may carry a value after a colon."""
    head, _, value = name.partition(":")
    words = FLAGS.get(head.strip(), head.replace("_", " "))
    return f"{words} {value.strip()}".strip()


def slug(text: str) -> str:
    """Words as one word of an address or a class: lower case, dashes between."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def kind(name: str) -> str:
    """The heading of a kind of queries."""
    return KINDS.get(name, name.capitalize())


def data(value: object) -> str:
    """A value of a document's other fields: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def layer(name: str) -> str:
    """A decoder block as a reader counts it: `model.layers.3` is layer 4; another name stays."""
    block = BLOCK.search(name)
    return f"layer {int(block[1]) + 1}" if block else name


def between(query: Asked) -> str:
    """What stands between prompt and completion where they are shown as one text; the engine's rule for a space."""
    if query.format == "chat":
        return " \u25b8 "
    touching = query.prompt[-1:].isspace() or query.completion[:1].isspace()
    written = query.writer is not None and query.completion
    return "" if touching or written or not query.prompt else " "


@dataclass(frozen=True)
class Part:
    """A stretch of a completion, and whether its tokens count."""

    text: str
    counts: bool


def counted_parts(query: Asked) -> list[Part]:
    """The completion in the stretches that count and those between them."""
    if query.counted is None:
        return [Part(query.completion, counts=True)]
    found, done = [], 0
    for start, stop in query.counted:
        found += [Part(query.completion[done:start], counts=False), Part(query.completion[start:stop], counts=True)]
        done = stop
    found.append(Part(query.completion[done:], counts=False))
    return [part for part in found if part.text]


def marked(text: str) -> Markup:
    """Escaped text whose line breaks show as a mark and still break."""
    return Markup('<i class="nl">↵</i>\n').join(escape(part) for part in text.split("\n"))


def marked_inline(text: str) -> Markup:
    """Escaped text whose line breaks show as a mark only, to keep a list row short."""
    return Markup('<i class="nl">↵</i>').join(escape(part) for part in text.split("\n"))


def told(text: str) -> Markup:
    """A message with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    shown = [Markup("<code>%s</code>") % part if odd % 2 else escape(part) for odd, part in enumerate(parts)]
    return Markup("").join(shown)


FILTERS = {
    "data": data,
    "told": told,
    "plain": plain,
    "signed": signed,
    "percent": percent,
    "count": count,
    "size": size,
    "duration": duration,
    "moment": moment,
    "ordinal": ordinal,
    "plural": plural,
    "flag": flag,
    "marks": marks,
    "scope": scope,
    "gigabytes": gigabytes,
    "layer": layer,
    "kind": kind,
    "slug": slug,
    "power": power,
    "marked": marked,
    "marked_inline": marked_inline,
}
