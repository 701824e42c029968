"""The summary of all scores against numpy on the scores themselves."""

import numpy as np
import pytest

from engine.maths.summary import Summary

SCORES = np.random.default_rng(4).standard_t(2, size=5000) * 30


def test_two_halves_add_up_to_the_whole() -> None:
    whole = Summary.of(SCORES)
    joined = Summary.of(SCORES[:1234]) + Summary.of(SCORES[1234:])
    assert joined.sequences == whole.sequences == 5000
    assert joined.counts.tolist() == whole.counts.tolist()
    assert joined.mean == pytest.approx(SCORES.mean())
    assert joined.standard_deviation == pytest.approx(SCORES.std())
    assert (joined.minimum, joined.maximum) == (SCORES.min(), SCORES.max())


@pytest.mark.parametrize("probability", [0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 1.0])
def test_a_quantile_is_right_to_the_width_of_a_bin(probability: float) -> None:
    # Between two neighbouring scores the quantile is a matter of convention; the lower one is meant.
    exact = np.quantile(SCORES, probability, method="lower")
    assert Summary.of(SCORES).quantile(probability) == pytest.approx(exact, rel=0.13, abs=1e-9)


@pytest.mark.parametrize("sign", ["positive", "negative"])
def test_the_share_of_the_heaviest_percent_is_right(sign: str) -> None:
    signed = np.sort(np.maximum(SCORES if sign == "positive" else -SCORES, 0))[::-1]
    exact = signed[:50].sum() / signed.sum()
    assert Summary.of(SCORES).top_share(0.01, sign) == pytest.approx(exact, rel=0.02)


def test_a_sign_that_no_sequence_has_holds_no_share() -> None:
    assert Summary.of(np.array([1.0, 2.0])).top_share(0.01, "negative") is None


def test_zeros_and_extremes_are_counted() -> None:
    summary = Summary.of(np.array([0.0, 1e30, -1e30]))
    assert summary.counts.sum() == 3
    assert summary.quantile(0.5) == 0
