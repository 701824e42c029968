"""Extract the public domain passages once: `python -m app.demo.make.passages`.

Needs the Debian packages `diatheke`, `sword-text-web`, `sword-text-sparv` and
`miscfiles`. Its output, `app/demo/data/passages/*.jsonl`, is committed, so that
nobody who uses the demo or makes the corpus again needs them.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from app.demo.make.files import PASSAGES

ENGLISH_MODULE = "engWEB2015eb"
SPANISH_MODULE = "spaRV1909eb"
STATE_PAPERS = Path("/usr/share/state")

# (book, chapters): readable, well known, and short-versed.
CHAPTERS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("Genesis", (1, 2, 6, 8)),
    ("Ruth", (1, 2)),
    ("Psalms", (1, 8, 19, 23, 24, 27, 46, 100, 121, 126, 133, 139, 150)),
    ("Proverbs", (3, 6, 10, 15, 16, 31)),
    ("Ecclesiastes", (1, 3, 11)),
    ("Isaiah", (40, 55)),
    ("Jonah", (1, 3, 4)),
    ("Matthew", (5, 6, 7)),
    ("Luke", (2, 15)),
    ("John", (1, 3)),
    ("I Corinthians", (13,)),
    ("James", (1, 3)),
)
# English words per document: verses are joined until the first bound, never past the second.
ENOUGH_WORDS = 22
MOST_WORDS = 46
# Passages with these words would need an explanation that a gallery has no room for.
LEFT_OUT = re.compile(
    r"prostitut|ramera|fornic|adulter|savage|slave|labour, shall|other persons|three fifths"
    r"|importation of such persons|circumcis|concubin|male and female servants|bore a child|womb",
    re.IGNORECASE,
)


def clean(markup: str) -> str:
    """The plain text of one verse, without titles, tags or note numbers."""
    text = re.sub(r"<title[^>]*>.*?</title>", " ", markup, flags=re.S)
    text = text.replace("</w><w", "</w> <w")
    text = re.sub(r"<(note|RF)[^>]*>.*?</\1>", " ", text, flags=re.S)
    text = re.sub(r"</?(l|lb|lg|transChange|hi|q)\b[^>]*>", " ", text)
    text = re.sub(r"<[^>]+>", "", text)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" ([,.;:!?’”)])", r"\1", text)
    text = re.sub(r"([“‘(¿¡]) ", r"\1", text)
    text = re.sub(r"^(Salmo de David|Al Músico principal[^.]*|Cántico gradual[^.]*)\. ", "", text)
    return decapitalise(text)


def decapitalise(text: str) -> str:
    """`EN el principio` -> `En el principio`: the old custom for a chapter's first word."""
    first, _, rest = text.partition(" ")
    letters = first.rstrip(",.;:")
    return text if len(letters) < 2 or not letters.isupper() else f"{first.capitalize()} {rest}"


def verses(module: str, book: str, chapter: int) -> dict[int, str]:
    """The verses of a chapter, by number."""
    output = subprocess.run(
        ["diatheke", "-b", module, "-k", f"{book} {chapter}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    name = re.escape(book)
    pieces = re.split(rf"{name} {chapter}:(\d+):", output)
    return {
        int(number): clean(body.removesuffix(f"({module})\n").replace(f"({module})", ""))
        for number, body in zip(pieces[1::2], pieces[2::2], strict=True)
    }


def aligned(book: str, chapter: int) -> Iterator[dict[str, str]]:
    """Neighbouring verses joined to a document, in both languages."""
    english = verses(ENGLISH_MODULE, book, chapter)
    spanish = verses(SPANISH_MODULE, book, chapter)
    shared = sorted(number for number in set(english) & set(spanish) if english[number] and spanish[number])
    group: list[int] = []

    def words(numbers: list[int]) -> int:
        longest = (" ".join(text[n] for n in numbers).split() for text in (english, spanish))
        return max(len(each) for each in longest)

    for number in shared:
        group = [*group, number] if words([*group, number]) <= MOST_WORDS else [number]
        if ENOUGH_WORDS <= words(group) <= MOST_WORDS:
            span = str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}"
            yield {
                "reference": f"{book} {chapter}:{span}",
                "english": " ".join(english[n] for n in group),
                "spanish": " ".join(spanish[n] for n in group),
            }
            group = []


def state_paper(file: str, title: str) -> Iterator[dict[str, str]]:
    """Sentences of a state paper, joined or cut at semicolons to document size."""
    text = gzip.decompress((STATE_PAPERS / file).read_bytes()).decode("latin-1")
    paragraphs = (re.sub(r"\s+", " ", p).strip() for p in re.split(r"\n\s*\n", text))
    kept = [p for p in paragraphs if len(p.split()) > 8]
    number = 0
    for paragraph in kept:
        pieces = re.split(r"(?<=[.;:]) ", paragraph)
        group = ""
        for position, piece in enumerate(pieces):
            joined = f"{group} {piece}".strip()
            group = joined if len(joined.split()) <= MOST_WORDS + 14 else piece
            full = len(group.split()) >= ENOUGH_WORDS or position == len(pieces) - 1
            if full and 9 <= len(group.split()) <= MOST_WORDS + 14:
                number += 1
                yield {"reference": f"{title}, part {number}", "english": group}
                group = ""


def write(name: str, rows: list[dict[str, str]]) -> None:
    """Write rows as JSON lines into the committed folder."""
    PASSAGES.mkdir(parents=True, exist_ok=True)
    kept = [row for row in rows if not any(LEFT_OUT.search(text) for text in row.values())]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
    (PASSAGES / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    """Extract everything."""
    write("bible", [row for b, chapters in CHAPTERS for c in chapters for row in aligned(b, c)])
    write("declaration", list(state_paper("us-declaration.gz", "Declaration of Independence")))
    write("constitution", list(state_paper("us-constitution.gz", "United States Constitution")))


if __name__ == "__main__":
    main()
