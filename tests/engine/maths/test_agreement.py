"""Agreement of scores against overlaps counted by hand and scipy's correlations."""

import math

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from engine.maths.agreement import heaviest_places, jaccard, pearson, shared_share, spearman

LEFT = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0], dtype=np.float32)
RIGHT = np.array([5.0, 0.0, 3.0, 1.0, 2.0, 4.0], dtype=np.float32)


@pytest.mark.parametrize(
    ("top", "share", "over_union"),
    # Tops by hand: 0 and 0; 01 and 05; 012 and 052; 0123 and 0524.
    [(1, 1.0, 1.0), (2, 1 / 2, 1 / 3), (3, 2 / 3, 2 / 4), (4, 2 / 4, 2 / 6), (6, 1.0, 1.0), (50, 1.0, 1.0)],
)
def test_overlaps_of_the_heaviest_are_those_counted_by_hand(top: int, share: float, over_union: float) -> None:
    assert shared_share(LEFT, RIGHT, top) == pytest.approx(share)
    assert jaccard(LEFT, RIGHT, top) == pytest.approx(over_union)


def test_tops_without_a_common_place_do_not_overlap() -> None:
    assert shared_share(LEFT, -LEFT, 3) == 0
    assert jaccard(LEFT, -LEFT, 3) == 0


def test_equal_scores_stand_in_order_of_their_place() -> None:
    assert heaviest_places(np.array([1.0, 2.0, 2.0, 0.0, 2.0]), 3).tolist() == [1, 2, 4]


def test_correlations_equal_scipys_with_ties_too() -> None:
    generator = np.random.default_rng(1)
    left, right = generator.integers(0, 9, (2, 200)).astype(np.float64)
    assert spearman(left, right) == pytest.approx(spearmanr(left, right).statistic)
    assert pearson(left, right) == pytest.approx(pearsonr(left, right).statistic)


def test_a_side_that_does_not_vary_has_no_correlation() -> None:
    assert math.isnan(pearson(LEFT, np.ones(6)))
    assert math.isnan(spearman(np.ones(6), RIGHT))
