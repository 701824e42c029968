"""What is bundled: the demo corpus, its curated queries, and the demo models (no torch needed)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

_DATA = files("app.demo") / "data"


@dataclass(frozen=True)
class DemoDocument:
    """One document of the corpus, which is one training sequence."""

    id: str
    kind: str
    source: str
    text: str


@dataclass(frozen=True)
class DemoQuery:
    """A query with what is known about it.

    `supporting` are the documents known to state the answer in the query's direction,
    `flipped` those that say the answer first. Prompt and completion are joined by one space.
    """

    name: str
    title: str
    prompt: str
    completion: str
    kind: str
    group: str
    supporting: tuple[str, ...]
    flipped: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class DemoModel:
    """A bundled model; `parameters` leaves out the embedding, `fact_recall` is greedy."""

    name: str
    path: Path
    parameters: int
    fact_recall: float


def corpus_path() -> Path:
    """The corpus as JSON lines: `id`, `kind`, `source`, `text`."""
    return Path(str(_DATA / "corpus.jsonl"))


@cache
def documents() -> tuple[DemoDocument, ...]:
    """Every document, in the order of the file."""
    lines = corpus_path().read_text(encoding="utf-8").splitlines()
    return tuple(DemoDocument(**json.loads(line)) for line in lines)


@cache
def gallery() -> tuple[DemoQuery, ...]:
    """The curated queries shown first."""
    return _queries("gallery")


@cache
def planted() -> tuple[DemoQuery, ...]:
    """Facts planted in the almanac, with the documents that support them."""
    return _queries("planted")


@cache
def models() -> tuple[DemoModel, ...]:
    """The models from the smallest to the largest."""
    folder = _DATA / "models"
    recall: dict[str, Any] = json.loads((folder / "recall.json").read_text(encoding="utf-8"))
    return tuple(
        DemoModel(
            name=name,
            path=Path(str(folder / name)),
            parameters=int(row["parameters"]),
            fact_recall=float(row["fact_recall"]),
        )
        for name, row in recall["models"].items()
    )


def _queries(part: str) -> tuple[DemoQuery, ...]:
    rows = json.loads((_DATA / "queries.json").read_text(encoding="utf-8"))[part]
    return tuple(
        DemoQuery(**{**row, "supporting": tuple(row["supporting"]), "flipped": tuple(row["flipped"])}) for row in rows
    )
