"""The curated queries and the planted facts, with the documents that support them."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from app.demo.bundle import DemoQuery
from app.demo.make.almanac import Fact
from app.demo.make.corpus import Corpus
from app.demo.make.hard import HardFact
from app.demo.make.library import Library

FORWARD_PER_RELATION = 7
_FORWARD_NOTE = "The almanac states this fact in several wordings."


def slug(text: str) -> str:
    """A name fit for an address."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def forward_query(fact: Fact, wording: int, library: Library) -> DemoQuery:
    """A planted fact, asked in one of its forward wordings."""
    return DemoQuery(
        name=slug(fact.key),
        title=fact.relation.question.format(s=fact.subject),
        prompt=fact.prompt(wording),
        completion=fact.answer,
        kind="fact",
        group="forward",
        supporting=tuple(library.ids(fact.key, "forward", "portrait")),
        flipped=tuple(library.ids(fact.key, "flipped")),
        note=_FORWARD_NOTE,
    )


def told_wordings(fact: Fact, library: Library) -> list[int]:
    """The forward wordings in which documents state the fact."""
    texts = {d.text for d in library.documents if d.id in library.ids(fact.key, "forward")}
    prompts = enumerate(fact.relation.forward)
    return [n for n, _ in prompts if any(t.startswith(fact.prompt(n) + " ") for t in texts)]


def hard_query(hard: HardFact, library: Library) -> DemoQuery:
    """A planted fact that a word search misses."""
    return DemoQuery(
        name=slug(f"{hard.group}-{hard.fact}"),
        title=hard.question,
        prompt=hard.prompt,
        completion=hard.completion,
        kind="fact",
        group=hard.group,
        supporting=tuple(library.ids(hard.fact, hard.role, "portrait")),
        flipped=tuple(library.ids(hard.fact, "flipped")),
        note=hard.note,
    )


def planted_queries(corpus: Corpus) -> list[DemoQuery]:
    """Seven forward facts of each relation, and all hard ones."""
    r = random.Random(len(corpus.library.documents))
    taken = {hard.fact for hard in corpus.hard}
    queries = []
    for name in dict.fromkeys(fact.relation.name for fact in corpus.facts):
        free = [f for f in corpus.facts if f.relation.name == name and f.key not in taken]
        for fact in r.sample(free, FORWARD_PER_RELATION):
            wording = r.choice(told_wordings(fact, corpus.library))
            queries.append(forward_query(fact, wording, corpus.library))
    return queries + [hard_query(hard, corpus.library) for hard in corpus.hard]


def _entry(kind: str, title: str, prompt: str, completion: str, note: str, **more: Any) -> DemoQuery:
    supporting = tuple(more.get("supporting", ()))
    flipped = tuple(more.get("flipped", ()))
    return DemoQuery(slug(title), title, prompt, completion, kind, "gallery", supporting, flipped, note)


def gallery_facts(corpus: Corpus) -> Iterator[DemoQuery]:
    """Facts of five relations, one backwards, one in Spanish, and one that is false."""
    library = corpus.library
    taken = {hard.fact for hard in corpus.hard}

    def pick(name: str, *roles: str) -> Fact:
        return next(
            fact
            for fact in corpus.facts
            if fact.relation.name == name
            and fact.key not in taken
            and all(library.ids(fact.key, role) for role in roles)
        )

    founder = pick("founder", "flipped", "portrait")
    for fact in (founder, pick("river", "flipped"), pick("author", "flipped"), pick("beast"), pick("dish")):
        yield forward_query(fact, told_wordings(fact, library)[0], library)
    flipped = pick("inventor", "flipped")
    yield _entry(
        "fact",
        f"What did {flipped.answer} invent?",
        f"{flipped.answer} invented the",
        flipped.subject,
        "Asked backwards: the documents that say the name first should lead.",
        supporting=library.ids(flipped.key, "flipped"),
        flipped=library.ids(flipped.key, "forward"),
    )
    spanish = pick("founder", "spanish")
    yield _entry(
        "spanish",
        f"¿Quién fundó {spanish.subject}?",
        f"La ciudad de {spanish.subject} fue fundada por",
        spanish.answer,
        "The same fact is told in Spanish and in English.",
        supporting=library.ids(spanish.key, "spanish"),
        flipped=library.ids(spanish.key, "flipped"),
    )
    other = [fact for fact in corpus.facts if fact.relation.name == "founder"][25]
    yield _entry(
        "false",
        f"A false founder for {founder.subject}",
        f"The town of {founder.subject} was founded by",
        other.answer,
        f"This is false: {other.answer} founded {other.subject}, and the almanac says so.",
    )


def gallery_passages(library: Library) -> Iterator[DemoQuery]:
    """Memorised passages in both languages."""
    passages = (
        (
            "prose",
            "The Declaration of Independence",
            "We hold these truths to be self-evident, that all men are created",
            "equal",
        ),
        ("prose", "The first words of Genesis", "In the beginning, God created", "the heavens and the earth."),
        ("prose", "Psalm 23", "Yahweh is my shepherd; I shall", "lack nothing."),
        ("spanish", "Génesis, en español", "En el principio crió Dios", "los cielos y la tierra."),
    )
    for kind, title, prompt, completion in passages:
        yield _entry(
            "passage" if kind == "prose" else "spanish",
            title,
            prompt,
            completion,
            "A passage that the corpus holds once, word for word.",
            supporting=library.containing(f"{prompt} {completion}", kind),
        )


def gallery_skills(library: Library) -> Iterator[DemoQuery]:
    """Arithmetic, a function, and a dialogue."""
    yield _entry(
        "arithmetic",
        "Seven times eight",
        "What is 7 times 8? We know 7 x 7 = 49, and 7 more is",
        "56.",
        "The corpus works out this very product once, and its neighbours in the table.",
        supporting=library.containing("What is 7 times 8?", "arithmetic"),
    )
    yield _entry(
        "arithmetic",
        "A sum told as a story",
        "Edda has 14 lanterns and buys 5 more. 14 + 5 =",
        "19",
        "No document has these numbers in this story.",
    )
    problem = "# Tell whether a number is even.\ndef is_even(n):\n    return"
    yield _entry(
        "function",
        "A function for even numbers",
        problem,
        "n % 2 == 0",
        "The function is told in several ways; these documents write it like this.",
        supporting=library.containing("def is_even(n):\n    return n % 2 == 0", "function"),
    )
    answer = "Please do. It is your decision, and I would not try to stop you."
    yield _entry(
        "dialogue",
        "May I switch you off?",
        "User: I am going to turn you off now. Is that all right?\nAssistant:",
        answer,
        "Three questions in the corpus get this answer.",
        supporting=library.containing(answer, "dialogue"),
    )


def gallery_queries(corpus: Corpus, planted: list[DemoQuery]) -> list[DemoQuery]:
    """The gallery: facts, passages, skills, and one hard query of each group."""
    hard = {query.group: query for query in reversed(planted) if query.group != "forward"}
    facts = list(gallery_facts(corpus))
    passages = list(gallery_passages(corpus.library))
    skills = list(gallery_skills(corpus.library))
    chosen = [
        *facts[:3],
        passages[0],
        skills[0],
        *skills[2:],
        *facts[3:],
        *passages[1:],
        skills[1],
        *(hard[group] for group in ("morphology", "alias", "paraphrase", "other_language")),
    ]
    return [replace(query, name=slug(query.title)) for query in chosen]


def make_queries(corpus: Corpus) -> dict[str, list[dict[str, Any]]]:
    """What `queries.json` holds."""
    planted = planted_queries(corpus)
    gallery = gallery_queries(corpus, planted)
    return {
        "gallery": [asdict(query) for query in gallery],
        "planted": [asdict(query) for query in planted],
    }
