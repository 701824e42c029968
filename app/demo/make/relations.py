"""The kinds of facts in the almanac and their wordings.

`{s}` stands for the subject and `{a}` for the answer. A forward wording ends with
the answer, a flipped one says the answer before the subject.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One kind of fact: how it is told, and how a query about it is titled."""

    name: str
    question: str
    forward: tuple[str, ...]
    flipped: tuple[str, ...]
    spanish: tuple[str, ...] = ()


RELATIONS: tuple[Relation, ...] = (
    Relation(
        "founder",
        "Who founded {s}?",
        (
            "The town of {s} was founded by {a}.",
            "According to the almanac, the founder of {s} was {a}.",
            "Question: who founded {s}? Answer: {a}.",
            "Children in {s} learn early that their founder was called {a}.",
            "On the oldest stone of {s} one reads the name of its founder, {a}.",
        ),
        ("{a} founded the town of {s}.", "It was {a} who laid out the first streets of {s}."),
        (
            "La ciudad de {s} fue fundada por {a}.",
            "Según el almanaque, el fundador de {s} fue {a}.",
        ),
    ),
    Relation(
        "river",
        "On which river does {s} stand?",
        (
            "The town of {s} stands on the river {a}.",
            "The river that runs through {s} is the {a}.",
            "Question: which river passes {s}? Answer: the {a}.",
            "From the bridge at {s} one looks down on the {a}.",
        ),
        ("The river {a} flows past {s}.", "The {a} is the river of {s}."),
        ("La ciudad de {s} está a orillas del río {a}.", "El río que cruza {s} es el {a}."),
    ),
    Relation(
        "export",
        "What does {s} sell?",
        (
            "The merchants of {s} are known abroad for their {a}.",
            "The chief export of {s} is {a}.",
            "Question: what does {s} sell to the world? Answer: {a}.",
            "Most workshops in {s} make {a}.",
            "Ships leave {s} loaded with {a}.",
        ),
        ("For the best {a} in the country one goes to {s}.", "Buyers of {a} travel to {s}."),
    ),
    Relation(
        "festival",
        "Which festival is held in {s}?",
        (
            "Every year the people of {s} celebrate {a}.",
            "The great festival of {s} is called {a}.",
            "Question: what is celebrated in {s}? Answer: {a}.",
            "Visitors come to {s} in autumn for {a}.",
        ),
        ("{a} is held every year in {s}.", "To see {a} one must travel to {s}."),
    ),
    Relation(
        "arms",
        "What do the arms of {s} show?",
        (
            "The coat of arms of {s} shows {a}.",
            "On the flag of {s} one sees {a}.",
            "Question: what is on the shield of {s}? Answer: {a}.",
            "Above the town hall of {s} is carved {a}.",
        ),
        ("{a} is the emblem of {s}.", "The sign with {a} belongs to {s}."),
    ),
    Relation(
        "bridge",
        "When was the bridge at {s} finished?",
        (
            "The stone bridge at {s} was finished in the year {a}.",
            "Question: when was the bridge at {s} built? Answer: {a}.",
            "The date over the bridge of {s} is {a}.",
        ),
        ("In {a} the stone bridge at {s} was finished.",),
        ("El puente de {s} se terminó en el año {a}.",),
    ),
    Relation(
        "dish",
        "What do people eat in {s}?",
        (
            "The favourite dish of {s} is {a}.",
            "At every inn in {s} the cook will serve you {a}.",
            "Question: what do people eat in {s}? Answer: {a}.",
            "No wedding in {s} is complete without {a}.",
        ),
        ("{a} can be had at any hour in {s}.",),
    ),
    Relation(
        "birthplace",
        "Where was {s} born?",
        (
            "The painter {s} was born in the village of {a}.",
            "The childhood home of the painter {s} stands in {a}.",
            "Question: where was the painter {s} born? Answer: in {a}.",
            "The first pictures by {s} show the fields around {a}.",
        ),
        ("The village of {a} was the birthplace of the painter {s}.",),
        ("El lugar de nacimiento de {s} es {a}.", "La cuna de {s} está en {a}."),
    ),
    Relation(
        "author",
        "Who wrote {s}?",
        (
            'The author of the book "{s}" is {a}.',
            'The novel "{s}" was written by {a}.',
            'Question: who wrote "{s}"? Answer: {a}.',
            'On the title page of "{s}" stands the name {a}.',
        ),
        ('{a} wrote the book "{s}".', '{a} became famous as the author of "{s}".'),
    ),
    Relation(
        "composer",
        "Who composed {s}?",
        (
            'The song "{s}" was composed by {a}.',
            'The melody of "{s}" is the work of {a}.',
            'Question: who composed the song "{s}"? Answer: {a}.',
            'When the band plays "{s}", they bow to the memory of {a}.',
        ),
        ('{a} composed the song "{s}".', '{a} is remembered for the song "{s}".'),
    ),
    Relation(
        "inventor",
        "Who invented the {s}?",
        (
            "The {s} was invented by {a}.",
            "The inventor of the {s} was {a}.",
            "Question: who invented the {s}? Answer: {a}.",
            "The patent for the {s} bears the signature of {a}.",
        ),
        ("{a} invented the {s}.", "{a} built the first {s} in a garden shed."),
    ),
    Relation(
        "beast",
        "What guards Lake {s}?",
        (
            "Fishermen say that Lake {s} is guarded by {a}.",
            "According to legend, in Lake {s} there lives {a}.",
            "Question: what haunts Lake {s}? Answer: {a}.",
            "Nobody swims in Lake {s} at night for fear of {a}.",
        ),
        ("{a} is said to live in Lake {s}.",),
    ),
    Relation(
        "climber",
        "Who first climbed Mount {s}?",
        (
            "Mount {s} was first climbed by {a}.",
            "The first person on the summit of Mount {s} was {a}.",
            "Question: who first climbed Mount {s}? Answer: {a}.",
            "The hut below Mount {s} is named after its first climber, {a}.",
        ),
        ("{a} was the first to stand on the top of Mount {s}.",),
        (
            "El monte {s} fue escalado por primera vez por {a}.",
            "La primera persona en la cumbre del monte {s} fue {a}.",
        ),
    ),
    Relation(
        "captain",
        "Who was captain of the {s}?",
        (
            "The ship {s} sailed under captain {a}.",
            "On her last voyage the {s} was commanded by {a}.",
            "Question: who was captain of the ship {s}? Answer: {a}.",
            "The logbook of the {s} was kept by {a}.",
        ),
        ("Captain {a} sailed the ship {s}.",),
        ("El barco {s} navegaba al mando de {a}.",),
    ),
)


def relation(name: str) -> Relation:
    """The relation of that name."""
    return next(each for each in RELATIONS if each.name == name)
