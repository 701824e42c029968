"""Overlaps and rank correlations against SciPy, and their intervals against resamples drawn out in full."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from app.services import agreement
from app.services.agreement import Key

values = st.lists(st.integers(-5, 5), min_size=3, max_size=30)
REFERENCE = {agreement.spearman: stats.spearmanr, agreement.kendall: stats.kendalltau}
MEASURES = pytest.mark.parametrize("measure", list(REFERENCE), ids=["spearman", "kendall"])


@MEASURES
@settings(deadline=None)
@given(values, values)
def test_a_correlation_equals_scipys_with_ties(measure: agreement.Measure, first: list[int], second: list[int]) -> None:
    size = min(len(first), len(second))
    a, b = np.array(first[:size], dtype=float), np.array(second[:size], dtype=float)
    found = agreement.correlation(a, b, measure)
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert found is None
    else:
        assert found is not None
        assert found.value == pytest.approx(REFERENCE[measure](a, b).statistic, abs=1e-9)


@MEASURES
def test_each_resample_is_what_scipy_says_of_it_written_out(measure: agreement.Measure) -> None:
    chance = np.random.default_rng(3)
    first, second = chance.integers(0, 12, size=20).astype(float), chance.normal(size=20)
    counts = chance.multinomial(20, np.full(20, 1 / 20), size=40).astype(float)
    drawn = [np.repeat(np.arange(20), row.astype(int)) for row in counts]
    expected = [REFERENCE[measure](first[one], second[one]).statistic for one in drawn]
    np.testing.assert_allclose(measure(first, second, counts), expected, atol=1e-9)


@MEASURES
def test_the_interval_holds_the_truth_about_as_often_as_it_says(measure: agreement.Measure) -> None:
    truth = {agreement.spearman: 6 / np.pi * np.arcsin(0.6 / 2), agreement.kendall: 2 / np.pi * np.arcsin(0.6)}
    chance, held = np.random.default_rng(0), 0
    for _ in range(100):
        a, b = chance.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=60).T
        found = agreement.correlation(a, b, measure)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth[measure] <= found.high
    # 95 of 100 are meant; a binomial of that leaves 88 to 100 for all but one in a thousand seeds.
    assert 88 <= held <= 100


def test_too_few_shared_sequences_have_no_correlation_and_few_no_interval() -> None:
    two, five = np.arange(2.0), np.arange(5.0)
    assert agreement.correlation(two, two, agreement.spearman) is None
    found = agreement.correlation(five, five, agreement.spearman)
    assert found is not None
    assert (found.value, found.low, found.high) == (pytest.approx(1.0), None, None)


@pytest.mark.parametrize(
    ("first", "second", "k", "expected"),
    [([1, 2], [1, 2], 10, 1.0), ([1, 2], [3, 4], 10, 0.0), ([1, 2, 3], [1, 9, 8], 1, 1.0), ([], [], 10, 1.0)],
)
def test_jaccard_by_hand(first: list[Key], second: list[Key], k: int, expected: float) -> None:
    assert agreement.jaccard(first, second, k) == expected


def _written_out(ranked: list[int], times: dict[int, int], k: int) -> list[tuple[int, int]]:
    """The first k of a list in which each stands so many times."""
    return [(one, copy) for one in ranked for copy in range(times[one])][:k]


def test_an_overlaps_interval_is_that_of_corpora_drawn_and_ranked_in_full() -> None:
    chance = np.random.default_rng(5)
    first, second = list(range(60)), [int(i) for i in np.argsort(np.arange(60) + chance.normal(scale=8, size=60))]
    found = agreement.overlap(first, second, 10, None)
    drawn = []
    for _ in range(3000):
        times = dict(enumerate(chance.poisson(1.0, size=60)))
        drawn.append(agreement.jaccard(_written_out(first, times, 10), _written_out(second, times, 10), 10))
    low, high = np.percentile(drawn, [2.5, 97.5])
    # An overlap of tens has few values: one step of it is about 0.07.
    assert found.low == pytest.approx(low, abs=0.08)
    assert found.high == pytest.approx(high, abs=0.08)
    assert found.low <= found.jaccard <= found.high


def test_equal_lists_overlap_whole_in_every_resample() -> None:
    found = agreement.overlap(list(range(30)), list(range(30)), 10, 1000)
    assert (found.low, found.jaccard, found.high, found.shared) == (1.0, 1.0, 1.0, 10)


@pytest.mark.parametrize(("k", "other", "scored"), [(10, 10, 40), (50, 12, 60), (3, 3, 5), (10, 10, 10)])
def test_chance_is_the_mean_over_random_lists(k: int, other: int, scored: int) -> None:
    shared = np.arange(0, min(k, other) + 1)
    likely = stats.hypergeom(scored, k, other).pmf(shared)
    expected = float((likely * shared / (k + other - shared)).sum())
    assert agreement.chance(k, other, scored) == pytest.approx(expected)


def test_lists_longer_than_what_was_scored_have_no_chance() -> None:
    assert agreement.chance(10, 10, 9) is None


def test_the_same_lists_tell_the_same_interval() -> None:
    lists = [tuple((place, float(-place)) for place in order) for order in (range(20), range(5, 25))]
    first = agreement.agreement(lists[0], lists[1], 100)
    agreement.agreement.cache_clear()
    assert agreement.agreement(lists[0], lists[1], 100) == first
