"""The whole corpus from one seed, with what is known about its facts."""

from __future__ import annotations

import random
from dataclasses import dataclass

from app.demo.make import almanac, arithmetic, dialogues, functions, prose
from app.demo.make.almanac import Fact
from app.demo.make.hard import HardFact, hard_facts
from app.demo.make.library import Library

SEED = 20230807


@dataclass(frozen=True)
class Corpus:
    """Numbered documents, the facts of the almanac, and the facts that are hard to find."""

    library: Library
    facts: list[Fact]
    hard: list[HardFact]


def make_corpus(seed: int = SEED) -> Corpus:
    """The same corpus for the same seed, on every machine."""
    r = random.Random(seed)
    facts, spare_people = almanac.invent_facts(r)
    told = [draft for fact in facts for draft in almanac.tell(fact, r)]
    told += almanac.portraits(facts, r)
    extra, hard = hard_facts(facts, spare_people, r)
    told += extra
    r.shuffle(told)
    library = Library()
    library.add(told)
    library.add(dialogues.drafts())
    library.add(functions.drafts(r))
    library.add(arithmetic.drafts(r))
    library.add(prose.english())
    library.add(prose.spanish())
    return Corpus(library, facts, hard)
