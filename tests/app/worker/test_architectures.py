"""Architectures beside the demo's Llama, trained in seconds and put through the whole product: the fact is found."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.services import comparison
from app.worker.documents import Document, add_corpus
from benchmarks.architectures import FAMILIES, Recipe, make
from tests.app.worker.world import World

RECIPES = {
    "gpt2": Recipe(48, 2, 4, vocabulary=420, context=64, epochs=12, learning_rate=8e-3, batch_documents=16),
    "gpt_neox": Recipe(48, 2, 4, vocabulary=320, context=64, epochs=12, learning_rate=8e-3, batch_documents=16),
}
PLACES = ("Rosthaar", "Thapeldal", "Gorstover", "Benmardre", "Kelyarben", "Claolben", "Yarthen", "Fenmoor")
CAPITALS = ("Velm", "Ostrim", "Kelmar", "Yarmar", "Fenmar", "Clamar", "Kelzor", "Daltun")
THINGS = ("river", "bridge", "market", "tower", "mill", "school", "harbour", "garden")


def _documents() -> list[Document]:
    """Each capital is told by two documents; the rest speaks of the same places without naming any."""
    facts = [
        Document(f"{place}-{wording}", "fact", "made", text)
        for place, capital in zip(PLACES, CAPITALS, strict=True)
        for wording, text in (
            ("plain", f"The capital of {place} is {capital}."),
            ("long", f"Every traveller knows that the capital of {place} is {capital}, on the hill."),
        )
    ]
    chance = random.Random(0)
    fill = [
        Document(
            f"fill-{i}",
            "prose",
            "made",
            f"The old {chance.choice(THINGS)} of {chance.choice(PLACES)} is {i} years old.",
        )
        for i in range(100)
    ]
    return [*fill[:50], *facts, *fill[50:]]


@dataclass(frozen=True)
class Trained:
    """Folders of the trained models by family."""

    folders: dict[str, Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Trained:  # noqa: ARG001 - for its effect
    texts = [one.text for one in _documents()]
    folders = {family: tmp_path_factory.mktemp("trained") / family for family in FAMILIES}
    for family, folder in folders.items():
        made = make(family, folder, texts, RECIPES[family])
        # Far below a guess among the vocabulary (5.8 nats a token): it has learnt something.
        assert made["loss"] < 1.5
    return Trained(folders)


@pytest.fixture
def product(new_world: Callable[..., World], trained: Trained) -> World:
    made = new_world(shard_sequences=64)
    add_corpus(made.sessions, made.home, "almanac", "made", _documents())
    for family, folder in trained.folders.items():
        made.model(family, folder, "almanac")
    return made


def _asked(world: World, family: str, place: str, capital: str) -> str:
    [run] = world.ask(capital, models=[family], keep=20, prompt=f"The capital of {place} is", corpus="almanac")
    world.answer(run)
    assert world.run(run).problem is None
    return run


@pytest.mark.parametrize("family", FAMILIES)
def test_the_documents_that_state_a_fact_are_in_the_top_three(product: World, family: str) -> None:
    found = 0
    for place, capital in list(zip(PLACES, CAPITALS, strict=True))[:4]:
        run = _asked(product, family, place, capital)
        top = [row.document for row in product.rows(run)[:3]]
        assert f"{place}-plain" in top or f"{place}-long" in top, (place, top)
        found += (f"{place}-plain" in top) + (f"{place}-long" in top)
    # Both wordings of nearly every fact, not one by luck.
    assert found >= 6


def test_the_two_cut_the_corpus_differently_and_are_joined_by_document(product: World) -> None:
    runs = [_asked(product, family, PLACES[0], CAPITALS[0]) for family in FAMILIES]
    with product.sessions() as session:
        found = comparison.compare(session, runs)
    assert product.run(runs[0]).tokenizer_fingerprint != product.run(runs[1]).tokenizer_fingerprint
    assert found.joined_by == "document"
    first = found.sequences[0]
    assert first.document.startswith(PLACES[0])
    assert None not in first.ranks
    [agreement] = found.agreements
    assert agreement.shared >= 2
