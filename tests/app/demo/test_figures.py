"""The retrieval figures and BM25, against examples worked by hand."""

import math

import pytest

from app.demo.figures import Bm25, recall_in_first, reciprocal_rank, retrieval_figures, words


def test_figures_of_two_queries_equal_the_hand_worked_means() -> None:
    first = ["x", "a", "y", "b"]  # supporting a, b, c: found at 2 and 4, c never
    second = [f"n{i}" for i in range(10)] + ["d"]  # supporting d stands eleventh
    figures = retrieval_figures([first, second], [["a", "b", "c"], ["d"]])
    assert figures.queries == 2
    assert figures.any_at_10 == pytest.approx((1 + 0) / 2)
    assert figures.recall_at_10 == pytest.approx((2 / 3 + 0) / 2)
    assert figures.mrr == pytest.approx((1 / 2 + 1 / 11) / 2)


def test_a_ranking_without_support_has_reciprocal_rank_zero() -> None:
    assert reciprocal_rank(["x", "y"], frozenset({"a"})) == 0.0


def test_recall_without_supporting_documents_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one supporting"):
        recall_in_first(["x"], frozenset())


def test_rankings_and_supporting_lists_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="2 rankings and 1 lists"):
        retrieval_figures([["a"], ["b"]], [["a"]])


def test_words_are_lowercase_and_without_punctuation() -> None:
    assert words("El río, ¡el RÍO!") == ["el", "río", "el", "río"]


def test_bm25_equals_the_formula_worked_by_hand() -> None:
    bm25 = Bm25({"one": "red fox", "two": "red red hen pen"})
    # N = 2, mean length 3; `hen` is held by one document: idf = ln(1 + 1.5 / 1.5) = ln 2.
    spread = 1 + 1.5 * (1 - 0.75 + 0.75 * 4 / 3)
    assert bm25.scores("hen") == pytest.approx([0.0, math.log(2) * 2.5 / spread])
    # `red` twice in the longer document: idf = ln(1 + 0.5 / 2.5).
    idf = math.log(1.2)
    short = idf * 2.5 / (1 + 1.5 * (0.25 + 0.75 * 2 / 3))
    long = idf * 2 * 2.5 / (2 + 1.5 * (0.25 + 0.75 * 4 / 3))
    assert bm25.scores("red") == pytest.approx([short, long])


def test_bm25_ranks_by_score_and_keeps_the_order_of_ties() -> None:
    bm25 = Bm25({"a": "the river", "b": "a lake", "c": "the old river", "d": "a wood"})
    assert bm25.rank("river") == ["a", "c", "b", "d"]
    assert bm25.rank("river", first=1) == ["a"]
