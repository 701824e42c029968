"""Groups of duplicates against exact comparison of every pair."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Sequence as Series

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import CorpusError, Progress, Sequence
from engine.corpus import duplicates
from engine.corpus.duplicates import duplicate_groups, rows_per_band
from engine.terms import silent

Ids = tuple[int, ...]


class Streamed:
    """Sequences that exist only while they are passed over; counts how often that happens."""

    def __init__(self, corpus: Series[Ids]) -> None:
        self.corpus = corpus
        self.passes = 0

    def __len__(self) -> int:
        return len(self.corpus)

    def __iter__(self) -> Iterator[Sequence]:
        self.passes += 1
        return (Sequence(ids) for ids in self.corpus)


def similarity_of(one: Ids, other: Ids) -> float:
    """Jaccard similarity of token 5-grams, by definition; equal sequences are wholly similar."""
    grams = [{ids[at : at + 5] for at in range(len(ids) - 4)} for ids in (one, other)]
    if one == other:
        return 1.0
    union = len(grams[0] | grams[1])
    # Two short sequences have no 5-gram between them and are not alike unless they are equal.
    return len(grams[0] & grams[1]) / union if grams[0] and grams[1] else 0.0


def oracle(corpus: Series[Ids], similarity: float) -> list[int]:
    """Connected components of all pairs that are similar enough, each named by its smallest index."""
    labels = list(range(len(corpus)))
    for later in range(len(corpus)):
        for earlier in range(later):
            if similarity_of(corpus[earlier], corpus[later]) >= similarity:
                low, high = sorted((labels[earlier], labels[later]))
                labels = [low if label == high else label for label in labels]
    return labels


def planted(seed: int, sources: int = 25) -> list[Ids]:
    """Random sequences, and of some of them copies with a few tokens replaced, put in or cut off, shuffled."""
    draw = random.Random(seed)
    corpus: list[Ids] = []
    for _ in range(sources):
        source = [draw.randrange(200) for _ in range(draw.randrange(2, 120))]
        corpus.append(tuple(source))
        for _ in range(draw.choice([0, 0, 0, 1, 2, 6])):
            copy = list(source)
            for _ in range(draw.choice([0, 1, 1, 2, 3])):
                copy[draw.randrange(len(copy))] = draw.randrange(200)
            if draw.random() < 0.3:
                copy.insert(draw.randrange(len(copy)), draw.randrange(200))
            cut = draw.choice([0, 0, 1, 5])
            corpus.append(tuple(copy[: max(2, len(copy) - cut)]))
    corpus.append(corpus[0])
    draw.shuffle(corpus)
    return corpus


def groups(corpus: Series[Ids], similarity: float = 0.8) -> list[int]:
    labels: list[int] = duplicate_groups([Sequence(ids) for ids in corpus], similarity).tolist()
    return labels


@pytest.mark.parametrize("similarity", [0.5, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_groups_are_the_components_of_all_pairs_compared_exactly(seed: int, similarity: float) -> None:
    corpus = planted(seed)
    expected = oracle(corpus, similarity)
    assert len(set(expected)) < len(corpus)
    assert groups(corpus, similarity) == expected


@given(st.lists(st.lists(st.integers(0, 1), min_size=2, max_size=9).map(tuple), min_size=1, max_size=14))
@settings(max_examples=80, deadline=None)
def test_no_group_is_false_and_equal_sequences_are_always_together(corpus: list[Ids]) -> None:
    found, exact = groups(corpus, 0.5), oracle(corpus, 0.5)
    for later in range(len(corpus)):
        assert found[later] <= later
        assert found[found[later]] == found[later]
        # Whatever is joined is joined by a chain of pairs that are alike, so the oracle joins it too.
        assert exact[found[later]] == exact[later]
        assert found[later] == found[corpus.index(corpus[later])]


def test_sequences_under_five_tokens_have_exact_duplicates_only() -> None:
    corpus = [(1, 2, 3, 4), (1, 2, 3), (1, 2, 3, 4), (1, 2, 3), (1, 2), (2, 1), (1, 2, 3, 4, 5)]
    assert groups(corpus, 0.01) == [0, 1, 0, 1, 4, 5, 6]


def test_a_chain_of_pairs_makes_one_group_named_by_its_first() -> None:
    text = tuple(range(100, 150))
    # Each window of 40 tokens shares 31 of 41 grams with the next and 26 of 46 with the one after.
    corpus = [(1, 2, 3, 4, 5, 6), *(text[at : at + 40] for at in (10, 0, 5)), (7, 8, 9, 10, 11, 12)]
    assert similarity_of(corpus[1], corpus[2]) < 0.7 < similarity_of(corpus[1], corpus[3])
    assert groups(corpus, 0.7) == [0, 1, 1, 1, 4]


def test_the_threshold_itself_counts() -> None:
    # 16 grams each, of which the first 16 - k are shared.
    base = tuple(range(20))
    pair = [base, (*base[:18], 90, 91)]
    assert similarity_of(*pair) == 14 / 18
    assert groups(pair, 14 / 18) == [0, 0]
    assert groups(pair, np.nextafter(14 / 18, 1)) == [0, 1]


def test_the_same_grams_in_another_order_are_duplicates_only_as_sets() -> None:
    corpus = [(1, 2) * 6, (2, 1) * 6, (1, 2) * 5]
    assert groups(corpus, 1.0) == oracle(corpus, 1.0) == [0, 0, 0]


def test_a_crowded_bucket_is_compared_with_its_nearest_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "NEIGHBOURS", 1)
    base = tuple(range(60))
    corpus = [(*base, 100 + copy) for copy in range(50)]
    # Each copy is alike to its neighbour, so one comparison for each still joins them all.
    assert groups(corpus) == [0] * 50


def test_a_corpus_without_candidates_is_passed_over_once_and_any_other_twice() -> None:
    draw = random.Random(0)
    distinct = [tuple(draw.randrange(10_000) for _ in range(30)) for _ in range(40)]
    once, twice = Streamed(distinct), Streamed([*distinct, (*distinct[3][:-1], 5)])
    assert duplicate_groups(once).tolist() == list(range(40))
    assert duplicate_groups(twice).tolist() == [*range(40), 3]
    assert (once.passes, twice.passes) == (1, 2)


def test_progress_counts_up_to_the_corpus_in_each_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "PROGRESS_EVERY", 10)
    heard: list[Progress] = []
    base = tuple(range(40))
    duplicate_groups([Sequence((*base, n)) for n in range(25)], progress=heard.append)
    for stage in ("hashing sequences", "comparing duplicates"):
        assert [step.done for step in heard if step.stage == stage] == [0, 10, 20, 25]


def keys_of_planted() -> list[int]:
    """The band keys of some sequences, added up for each band."""
    sketches = duplicates._sketch([Sequence(ids) for ids in planted(3)], 4, silent)
    sums: list[int] = sketches.keys.sum(axis=0).tolist()
    return sums


def test_another_process_with_another_hash_seed_draws_the_same_candidates() -> None:
    code = "from tests.engine.corpus.test_duplicates import keys_of_planted; print(keys_of_planted())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "77"},
    )
    assert run.stdout.strip() == str(keys_of_planted())


@pytest.mark.parametrize("similarity", [0.05, 0.3, 0.5, 0.8, 0.9, 0.99, 1.0])
def test_bands_miss_fewer_than_one_pair_in_a_thousand(similarity: float) -> None:
    rows = rows_per_band(similarity)

    def missed(rows: int) -> float:
        return float((1 - similarity**rows) ** (128 // rows))

    # At 0.05 no cut of 128 rows is enough, and the one that misses least is taken.
    assert missed(rows) <= 0.001 or rows == 1
    assert rows == 128 or all(missed(more) > 0.001 for more in range(rows + 1, 129))


@pytest.mark.parametrize("similarity", [0.0, -1.0, 1.01, float("nan")])
def test_a_similarity_that_is_no_share_is_refused(similarity: float) -> None:
    with pytest.raises(CorpusError, match="is not a share"):
        duplicate_groups([Sequence([1, 2])], similarity)


def test_one_shot_and_empty_corpora_and_wrong_ids_are_refused() -> None:
    with pytest.raises(CorpusError, match="read only once"):
        duplicate_groups(iter([Sequence([1, 2])]))
    with pytest.raises(CorpusError, match="holds no sequence"):
        duplicate_groups([])
    with pytest.raises(CorpusError, match=r"Sequence 1 holds the token id -4\."):
        duplicate_groups([Sequence([1, 2]), Sequence([1, -4])])
