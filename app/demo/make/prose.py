"""Public domain passages, as committed in `data/passages`, in English and in Spanish."""

from __future__ import annotations

import json
from collections.abc import Iterator

from app.demo.make.files import PASSAGES
from app.demo.make.library import Draft

_BIBLE_SHARE = (7, 10)
_WHOLE = "Psalms 23:"
_CONSTITUTION_PARTS = 60


def _rows(name: str) -> list[dict[str, str]]:
    lines = (PASSAGES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _bible() -> list[dict[str, str]]:
    """Seven passages in ten, spread evenly over the books, and all of one psalm."""
    kept, of = _BIBLE_SHARE
    return [
        row for number, row in enumerate(_rows("bible")) if number % of < kept or row["reference"].startswith(_WHOLE)
    ]


def english() -> Iterator[Draft]:
    """World English Bible, Declaration of Independence, Constitution."""
    papers = _rows("declaration") + _rows("constitution")[:_CONSTITUTION_PARTS]
    for row in papers:
        yield Draft("prose", row["reference"], row["english"], row["reference"], "passage")
    for row in _bible():
        source = f"World English Bible, {row['reference']}"
        yield Draft("prose", source, row["english"], row["reference"], "passage")


def spanish() -> Iterator[Draft]:
    """Reina-Valera 1909, the same verses."""
    for row in _bible():
        source = f"Reina-Valera 1909, {row['reference']}"
        yield Draft("spanish", source, row["spanish"], row["reference"], "passage")
