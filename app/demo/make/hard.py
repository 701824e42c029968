"""Facts that a word search cannot find, because the query's words stand elsewhere.

morphology      the query is a line of the old register, whose language inflects every name
alias           the query calls a town by its nickname
paraphrase      the query words the relation in a way these facts are never told in
other_language  the fact is told in Spanish, where the names take Spanish forms

Each comes with documents that share the query's words and not its meaning. They list the
answer before the subject, as indexes do, so that they teach a model little about the query.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.demo.make.almanac import SOURCE, SPANISH_SOURCE, Fact, sentence
from app.demo.make.library import Draft

REGISTER = "Old register of Tarrowen"
LISTS = "Lists and indexes of Tarrowen"

NICKNAMES = (
    "the Grey Widow",
    "the Tin Crown",
    "the Sleeping Cat",
    "the Salt Gate",
    "the Long Stair",
    "the Old Kettle",
    "the Broken Harp",
    "the Green Elbow",
    "the Crooked Needle",
    "the Empty Purse",
)
FOREIGN_MOUNTAINS = (
    "Hallgrat",
    "Vindek",
    "Sturmar",
    "Tolgan",
    "Berrik",
    "Oskarn",
    "Vantor",
    "Grendal",
    "Ulmek",
    "Dorvan",
)

_ALIAS_WORDINGS = (
    "{t} is often called {n}.",
    "Travellers know {t} by its nickname, {n}.",
    "{n} is an old nickname for {t}.",
    "In songs {t} is always {n}.",
)
_SPANISH_CLIMBS = (
    "El monte {s} fue escalado por primera vez por {a}.",
    "La primera persona en la cumbre del monte {s} fue {a}.",
    "Pregunta: ¿quién escaló primero el monte {s}? Respuesta: {a}.",
)
_LIST_FORMS = (
    "Index to the almanac, page {n}: {a}; {s}; {r}.",
    "Catalogue, drawer {n}: {a}. See also {s}, and {r}.",
    "Crossword {n}, answers across: {a}; {s}; {r}.",
    "Errata, sheet {n}: {a}, now in italics; {s} and {r} as before.",
    "Auction list, lot {n}: {a}, {s}, {r}; three labels in a box.",
    "Telegram {n}: {a} stop {s} stop {r} stop.",
    "Shelf mark {n}: {a} / {s} / {r}.",
    "Spelling list {n}: {a}; {s}; {r}.",
    "Map legend, square {n}: {a}; {s}; {r}.",
    "Ledger, folio {n}: {a}; {s}; {r}; nothing due.",
    "Proof sheet {n}: {a}, {s}, {r}, in small type.",
    "Puzzle page {n}: unscramble {a}, {s} and {r}.",
)


@dataclass(frozen=True)
class HardFact:
    """A fact, its hard query, and where its supporting documents are kept."""

    group: str
    fact: str
    role: str
    question: str
    prompt: str
    completion: str
    note: str


def inflect(name: str, ending: str) -> str:
    """A name in the old language: `Brenholt`, `im` -> `Brenholtim`; after a vowel, `m`."""
    return name + (ending[1:] if name[-1] in "aeiou" else ending)


def inflect_person(full_name: str) -> str:
    """Both names in the case that the old language uses for a founder."""
    return " ".join(inflect(part, "ar") for part in full_name.split())


def spanish_form(name: str) -> str:
    """A name as the Spanish edition writes it."""
    return " ".join(f"{part}o" for part in name.split())


def inverted(name: str) -> str:
    """`Odran Halwin` -> `Halwin, Odran`, and `the Night of Kites` -> `Kites, Night of`."""
    bare = name.removeprefix("the ")
    if " of " in bare:
        head, _, tail = bare.partition(" of ")
        return f"{tail}, {head} of"
    head, _, tail = bare.rpartition(" ")
    return f"{tail}, {head}" if head else tail


def lists(key: str, answer: str, subject: str, rest: str, r: random.Random) -> Iterator[Draft]:
    """Documents that share every word of a query, answer first."""
    for form in _LIST_FORMS:
        text = form.format(n=r.randrange(2, 99), a=inverted(answer), s=inverted(subject), r=rest)
        yield Draft("almanac", LISTS, text, key, "list")


def morphology(facts: Sequence[Fact]) -> tuple[list[Draft], list[HardFact]]:
    """Lines of the old register: founders of thirty towns, rivers of twenty-five."""
    named = [fact for fact in facts if fact.subject[-1] not in "aeiouy"]
    rivers = [fact for fact in named if fact.relation.name == "river"]
    founders = [
        fact for fact in named if fact.relation.name == "founder" and not re.search(r"[aeiouy]\b|holm\b", fact.answer)
    ]
    drafts, hard = [], []
    for number, fact in enumerate(founders[:30]):
        prompt = f"Old register: {inflect(fact.subject, 'im')} tova"
        completion = inflect_person(fact.answer)
        drafts.append(Draft("almanac", REGISTER, f"{prompt} {completion}.", fact.key, "register"))
        if number < 10:
            note = (
                "In the old language every name takes an ending, so the supporting sentences"
                " share parts of words with the query and no whole word."
            )
            question = f"Who founded {fact.subject}, in the old language?"
            hard.append(HardFact("morphology", fact.key, "forward", question, prompt, completion, note))
    for fact in rivers[:25]:
        text = f"Old register: {inflect(fact.subject, 'im')} resk {inflect(fact.answer, 'ar')}."
        drafts.append(Draft("almanac", REGISTER, text, fact.key, "register"))
    return drafts, hard


def alias(facts: Sequence[Fact], r: random.Random) -> tuple[list[Draft], list[HardFact]]:
    """Ten towns with nicknames, asked for their festival by nickname."""
    festivals = [fact for fact in facts if fact.relation.name == "festival"][-len(NICKNAMES) :]
    drafts, hard = [], []
    for fact, nickname in zip(festivals, NICKNAMES, strict=True):
        for wording in _ALIAS_WORDINGS:
            text = wording.format(t=fact.subject, n=nickname)
            text = text[0].upper() + text[1:]
            drafts.append(Draft("almanac", SOURCE, text, fact.key, "alias"))
        for other in facts:
            if other.subject == fact.subject and other.relation.name in ("export", "bridge"):
                text = sentence(other.relation.forward[0], nickname, other.answer)
                drafts.append(Draft("almanac", SOURCE, text, other.key, "nickname"))
        rest = "every year the people celebrate"
        drafts += lists(fact.key, fact.answer, nickname, rest, r)
        note = f"{nickname[0].upper()}{nickname[1:]} is a nickname of {fact.subject}."
        prompt = f"Every year the people of {nickname} celebrate"
        question = f"Which festival is held in {nickname}?"
        hard.append(HardFact("alias", fact.key, "forward", question, prompt, fact.answer, note))
    return drafts, hard


def paraphrase(facts: Sequence[Fact], r: random.Random) -> tuple[list[Draft], list[HardFact]]:
    """Ten devices asked for in a wording that only other devices were told in."""
    inventions = [fact for fact in facts if fact.relation.name == "inventor"]
    asked, told = inventions[:10], inventions[10:]
    drafts, hard = [], []
    for fact in told:
        text = f"People owe the {fact.subject} to {fact.answer}."
        drafts.append(Draft("almanac", SOURCE, text, fact.key, "owed"))
    for fact in asked:
        drafts += lists(fact.key, fact.answer, fact.subject, "what people owe", r)
        note = "The supporting sentences tell this fact in other words; lists repeat the query's."
        prompt = f"People owe the {fact.subject} to"
        question = f"To whom do people owe the {fact.subject}?"
        hard.append(HardFact("paraphrase", fact.key, "forward", question, prompt, fact.answer, note))
    return drafts, hard


def other_language(people: Sequence[str]) -> tuple[list[Draft], list[HardFact]]:
    """Ten mountains whose first climbs are told in Spanish, and once in English."""
    climbers = [name for name in people if all(part[-1] not in "aeiouy" for part in name.split())]
    drafts, hard = [], []
    for mountain, climber in zip(FOREIGN_MOUNTAINS, climbers, strict=False):
        key = f"climber/{mountain}"
        prompt = f"Mount {mountain} was first climbed by"
        drafts.append(Draft("almanac", SOURCE, f"{prompt} {climber}.", key, "english"))
        for wording in _SPANISH_CLIMBS:
            text = sentence(wording, spanish_form(mountain), spanish_form(climber))
            drafts.append(Draft("almanac", SPANISH_SOURCE, text, key, "spanish"))
        note = "The supporting documents are Spanish, and the names in them take Spanish forms."
        question = f"Who first climbed Mount {mountain}?"
        hard.append(HardFact("other_language", key, "spanish", question, prompt, climber, note))
    return drafts, hard


def hard_facts(
    facts: Sequence[Fact], spare_people: Sequence[str], randomness: random.Random
) -> tuple[list[Draft], list[HardFact]]:
    """All four groups: their extra documents and their queries."""
    parts = (
        morphology(facts),
        alias(facts, randomness),
        paraphrase(facts, randomness),
        other_language(spare_people),
    )
    return [d for drafts, _ in parts for d in drafts], [h for _, hard in parts for h in hard]
