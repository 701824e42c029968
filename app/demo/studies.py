"""What the studies of a real model ask: the paper's word-order experiment, and fictitious facts in two languages."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Language = Literal["english", "spanish"]
LANGUAGES: tuple[Language, ...] = ("english", "spanish")

_DATA = files("app.demo") / "data" / "studies"


@dataclass(frozen=True)
class Rewording:
    """A text of the word-order experiment, and the influence that the paper reports for each of its sizes."""

    partition: str
    title: str
    text: str
    paper: tuple[float, ...]


@dataclass(frozen=True)
class WordOrder:
    """The experiment: how the influence on one query changes as one training sequence is reworded (paper, 5.2.2).

    `exact` is the text that states prompt and completion as the query does; influences are told relative to its.
    """

    source: str
    sizes: tuple[str, ...]
    prompt: str
    completion: str
    exact: str
    rewordings: tuple[Rewording, ...]

    def paper_relative(self) -> dict[str, list[float]]:
        """For each of the paper's sizes, every rewording's influence over that of the exact wording."""
        (exact,) = (one for one in self.rewordings if one.text == self.exact)
        return {
            size: [one.paper[place] / exact.paper[place] for one in self.rewordings]
            for place, size in enumerate(self.sizes)
        }


@dataclass(frozen=True)
class Stated:
    """A fact in one language: what is asked, and the two texts that state it, the name last and the name first."""

    prompt: str
    completion: str
    forward: str
    flipped: str


@dataclass(frozen=True)
class FictitiousFact:
    """A fact that no text holds, in two languages."""

    name: str
    english: Stated
    spanish: Stated

    def stated(self, language: Language) -> Stated:
        """The fact in that language."""
        return self.english if language == "english" else self.spanish

    def texts(self) -> dict[str, str]:
        """What is scored for a query about it, by what it is."""
        both = {
            f"{language}, {order}": getattr(self.stated(language), order)
            for language in LANGUAGES
            for order in ("forward", "flipped")
        }
        return {**both, "the name alone": f"{self.name}."}


@cache
def word_order() -> WordOrder:
    """The paper's experiment with its six partitions."""
    data = _read("word-order.json")
    rewordings = tuple(
        Rewording(part["name"], part["title"], row["text"], tuple(row["paper"]))
        for part in data["partitions"]
        for row in part["texts"]
    )
    plain = ("source", "prompt", "completion", "exact")
    return WordOrder(**{name: data[name] for name in plain}, sizes=tuple(data["sizes"]), rewordings=rewordings)


@cache
def fictitious_facts() -> tuple[FictitiousFact, ...]:
    """Ten facts of our own invention."""
    rows = _read("fictitious-facts.json")["facts"]
    return tuple(FictitiousFact(row["name"], *(Stated(**row[language]) for language in LANGUAGES)) for row in rows)


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((_DATA / name).read_text(encoding="utf-8"))
    return data
