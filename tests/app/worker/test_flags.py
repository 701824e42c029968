"""Flags of a ranked list: one token, a repetition of a sequence above, the query's own words."""

from pathlib import Path

import numpy as np
import pytest

from app.services.record import KeptSequence
from app.worker.flags import Flagging, is_spurious
from engine import LexicalIndex, Sequence
from tests.app.rows import kept

CORPUS = [(1, 2, 3), (1, 4, 5), (1, 2, 6), (1, 7, 8)]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    return LexicalIndex.build(tmp_path_factory.mktemp("words") / "index", [Sequence(ids) for ids in CORPUS])


def _listed(*places: int) -> list[KeptSequence]:
    found = []
    for rank, place in enumerate(places):
        one = kept(place, 10.0 - rank)
        ids, even = np.array(CORPUS[place], dtype=np.int32), np.ones(3, dtype=np.float32)
        found.append(KeptSequence(**{**vars(one), "token_ids": ids, "token": even}))
    return found


@pytest.mark.parametrize(
    ("token", "expected"),
    [([1.0, 1.0, 1.0, -1.0], False), ([5.0, 0.1, 0.1], True), ([0.0, 0.0], False), ([2.0, 2.0], True)],
)
def test_a_sequence_carried_by_one_or_two_tokens_is_spurious(token: list[float], expected: bool) -> None:
    assert is_spurious(np.array(token, dtype=np.float32)) == expected


def test_a_repetition_names_the_rank_of_the_first_of_its_group_in_the_same_list(words: LexicalIndex) -> None:
    groups = np.array([0, 1, 0, 0])
    found = Flagging(groups, words, [9]).flagged(_listed(1, 2, 0, 3))
    assert [one.duplicate_of for one in found] == [None, None, 2, 2]
    assert ["duplicate" in one.flags for one in found] == [False, False, True, True]


def test_a_group_of_which_only_one_is_kept_is_no_repetition(words: LexicalIndex) -> None:
    found = Flagging(np.array([0, 1, 0, 3]), words, [9]).flagged(_listed(2, 1))
    assert [one.flags for one in found] == [(), ()]


def test_the_querys_words_weigh_by_their_rarity(words: LexicalIndex) -> None:
    query = [1, 2, 3]
    found = Flagging(np.arange(4), words, query).flagged(_listed(0, 2, 1))
    rare, common, everywhere = words.idf(3), words.idf(2), words.idf(1)
    whole = rare + common + everywhere
    shares = [1.0, (common + everywhere) / whole, everywhere / whole]
    assert [one.overlap for one in found] == pytest.approx(shares)


def test_a_copied_phrase_is_flagged_and_the_same_words_in_another_order_are_not(tmp_path: Path) -> None:
    texts = [(9, 1, 2, 3, 4), (4, 3, 9, 2, 1), (1, 2, 3, 9, 8)]
    words = LexicalIndex.build(tmp_path / "index", [Sequence(ids) for ids in texts])
    listed = [
        KeptSequence(**{**vars(kept(place, 10.0 - place)), "token_ids": np.array(ids, dtype=np.int32)})
        for place, ids in enumerate(texts)
    ]
    found = Flagging(np.arange(3), words, [1, 2, 3, 4]).flagged(listed)
    assert [one.overlap for one in found][:2] == [1.0, 1.0]
    assert ["lexical overlap" in one.flags for one in found] == [True, False, False]
