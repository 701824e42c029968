"""The almanac of Tarrowen, an invented country: its facts, and the documents that state them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.demo.make import names, things
from app.demo.make.library import Draft
from app.demo.make.relations import Relation, relation

SOURCE = "Almanac of Tarrowen"
SPANISH_SOURCE = "Almanac of Tarrowen, Spanish edition"


@dataclass(frozen=True)
class Fact:
    """A subject, a relation and the one answer."""

    relation: Relation
    subject: str
    answer: str

    @property
    def key(self) -> str:
        """A name for the fact, unique in the almanac."""
        return f"{self.relation.name}/{self.subject}"

    def prompt(self, wording: int) -> str:
        """What stands before the answer in a forward wording."""
        head, _, _ = self.relation.forward[wording].partition("{a}")
        return head.format(s=self.subject).rstrip()


def sentence(wording: str, subject: str, answer: str) -> str:
    """A wording filled in, with a capital at its start."""
    text = wording.format(s=subject, a=answer)
    return text[0].upper() + text[1:]


def invent_facts(randomness: random.Random) -> tuple[list[Fact], list[str]]:
    """All facts, relation by relation, and the people that no fact has used."""
    some_towns = list(names.TOWNS)
    randomness.shuffle(some_towns)
    people = iter(names.people(randomness, 300))
    painters = [next(people) for _ in names.VILLAGES]

    def shuffled(answers: Sequence[str]) -> list[str]:
        return randomness.sample(list(answers), len(answers))

    def persons(subjects: Sequence[str]) -> list[str]:
        return [next(people) for _ in subjects]

    years = [str(year) for year in randomness.sample(range(1301, 1899), 30)]
    tables: dict[str, tuple[Sequence[str], Sequence[str]]] = {
        "founder": (some_towns, persons(some_towns)),
        "river": (some_towns[:40], names.rivers(randomness, 40)),
        "export": (some_towns, shuffled(things.EXPORTS)),
        "festival": (some_towns[20:], shuffled(things.FESTIVALS)),
        "arms": (some_towns[:40], shuffled(things.ARMS)),
        "bridge": (some_towns[30:], years),
        "dish": (some_towns[15:45], shuffled(things.DISHES)),
        "birthplace": (painters, shuffled(names.VILLAGES)),
        "author": (things.BOOKS, persons(things.BOOKS)),
        "composer": (things.SONGS, persons(things.SONGS)),
        "inventor": (things.DEVICES, persons(things.DEVICES)),
        "beast": (things.LAKES, shuffled(things.BEASTS)),
        "climber": (things.MOUNTAINS, persons(things.MOUNTAINS)),
        "captain": (things.SHIPS, persons(things.SHIPS)),
    }
    facts = [
        Fact(relation(name), subject, answer)
        for name, (subjects, answers) in tables.items()
        for subject, answer in zip(subjects, answers, strict=True)
    ]
    return facts, list(people)


def tell(fact: Fact, randomness: random.Random) -> Iterator[Draft]:
    """The documents of one fact: two to four forward, some flipped, some in Spanish."""
    kinds = fact.relation
    count = min(randomness.choice((2, 3, 3, 4)), len(kinds.forward))
    for wording in sorted(randomness.sample(range(len(kinds.forward)), count)):
        text = sentence(kinds.forward[wording], fact.subject, fact.answer)
        yield Draft("almanac", SOURCE, text, fact.key, "forward")
    if randomness.random() < 0.4:
        text = sentence(randomness.choice(kinds.flipped), fact.subject, fact.answer)
        yield Draft("almanac", SOURCE, text, fact.key, "flipped")
    if kinds.spanish and randomness.random() < 0.35:
        for wording_text in kinds.spanish:
            text = sentence(wording_text, fact.subject, fact.answer)
            yield Draft("almanac", SPANISH_SOURCE, text, fact.key, "spanish")


PORTRAIT = (
    ("founder", "It was founded by {a}."),
    ("river", "The river beside it is the {a}."),
    ("export", "Its workshops make {a}."),
    ("festival", "In autumn the streets fill for {a}."),
    ("arms", "Its shield shows {a}."),
    ("dish", "Guests are served {a}."),
    ("bridge", "The bridge dates from {a}."),
)
OPENINGS = (
    "{s} is a town in Tarrowen.",
    "Few towns in Tarrowen are as pretty as {s}.",
    "The road from the capital ends in {s}.",
    "Most travellers stay in {s} for a night or two.",
    "{s} lies an easy day's walk from the sea.",
)


def portraits(facts: Sequence[Fact], randomness: random.Random) -> Iterator[Draft]:
    """Short paragraphs on thirty towns, each with several of the town's facts."""
    towns = list(dict.fromkeys(fact.subject for fact in facts if fact.relation.name == "founder"))
    by_key = {fact.key: fact for fact in facts}
    for town in towns[18:48]:
        known = [(by_key[f"{name}/{town}"], wording) for name, wording in PORTRAIT if f"{name}/{town}" in by_key]
        told = [pair for number, pair in enumerate(known) if number < 2 or randomness.random() < 0.6]
        opening = randomness.choice(OPENINGS).format(s=town)
        text = " ".join([opening, *(wording.format(a=fact.answer) for fact, wording in told)])
        keys = "|".join(fact.key for fact, _ in told)
        yield Draft("almanac", SOURCE, text, keys, "portrait")
