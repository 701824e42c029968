"""Power laws are found where scores follow one, and rejected where they do not."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from app.services import tail
from app.services.shapes import Histogram
from engine.maths.summary import EDGES

Scores = NDArray[np.float64]


def binned(scores: Scores, sign: int = 1) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Magnitudes as the engine's summary bins them."""
    counts, _ = np.histogram(scores, bins=EDGES)
    return tail.magnitudes(EDGES, counts, "positive" if sign > 0 else "negative")


def pareto(seed: int, many: int, alpha: float, xmin: float = 1.0) -> Scores:
    """Draws from p(x) ~ x^-alpha above xmin."""
    return np.asarray(xmin * np.random.default_rng(seed).random(many) ** (-1 / (alpha - 1)))


def continuous(scores: Scores, xmin: float) -> tuple[float, float]:
    """Alpha by the likelihood of the scores themselves (Clauset, Shalizi & Newman, eq 3.1), and the KS distance."""
    above = np.sort(scores[scores >= xmin])
    alpha = 1 + len(above) / np.log(above / xmin).sum()
    law = 1 - (above / xmin) ** (1 - alpha)
    steps = np.arange(len(above) + 1) / len(above)
    return float(alpha), float(max(np.abs(steps[1:] - law).max(), np.abs(steps[:-1] - law).max()))


@pytest.mark.parametrize("alpha", [1.7, 2.5, 4.0])
def test_alpha_is_that_of_the_unbinned_likelihood_at_the_same_xmin(alpha: float) -> None:
    scores = pareto(3, 20_000, alpha)
    found = tail.fit(*binned(scores))
    assert found is not None
    expected, distance = continuous(scores, found.xmin)
    assert found.tail == (scores >= found.xmin).sum()
    assert found.alpha == pytest.approx(expected, abs=found.error)
    assert abs(found.alpha - alpha) < 3.5 * found.error
    assert found.distance == pytest.approx(distance, abs=0.004), "bins know the distance at their edges only"


def test_the_error_of_alpha_is_the_spread_over_samples() -> None:
    fits = [tail.fit(*binned(pareto(seed, 800, 2.5)), resamples=1) for seed in range(120)]
    whole = [fit for fit in fits if fit is not None and fit.tail > 600]
    assert len(whole) > 60
    spread = np.std([fit.alpha for fit in whole])
    assert spread == pytest.approx(np.mean([fit.error for fit in whole]), rel=0.3)


def test_xmin_is_found_where_the_law_begins() -> None:
    body = np.random.default_rng(5).uniform(0.01, 1.0, 4_000)
    found = tail.fit(*binned(np.concatenate([body, pareto(6, 4_000, 2.2)])))
    assert found is not None
    assert 0.85 <= found.xmin <= 1.5
    assert found.scores == 8_000


@pytest.mark.parametrize(
    ("draw", "rejected"),
    [
        (lambda seed: pareto(seed, 3_000, 2.3), 0.1),
        (lambda seed: np.random.default_rng(seed).exponential(1.0, 3_000) + 1e-3, None),
    ],
)
def test_a_law_is_rejected_as_often_as_its_p_says(draw: Callable[[int], Scores], rejected: float | None) -> None:
    fits = [tail.fit(*binned(draw(seed)), resamples=100) for seed in range(40)]
    found = [fit.verdict == "rejected" for fit in fits if fit is not None]
    assert len(found) == 40
    if rejected is None:
        assert np.mean(found) > 0.1
    else:
        assert np.mean(found) <= rejected + 3 * np.sqrt(rejected * (1 - rejected) / 40)


def test_scores_cut_off_at_the_top_are_no_power_law() -> None:
    scores = pareto(1, 20_000, 1.8)
    found = tail.fit(*binned(scores[scores < 12]))
    assert found is not None
    assert found.p < 0.1
    assert found.verdict == "rejected"


def test_equal_counts_give_an_equal_p() -> None:
    edges, counts = binned(pareto(8, 1_000, 2.6))
    assert tail.fit(edges, counts) == tail.fit(edges.copy(), counts.copy())


def test_the_unit_of_the_scores_changes_xmin_alone() -> None:
    edges, counts = binned(pareto(8, 1_000, 2.6))
    raw, shown = tail.fit(edges, counts), tail.fit(edges / 4012, counts)
    assert raw is not None
    assert shown is not None
    assert shown.xmin == pytest.approx(raw.xmin / 4012)
    assert (shown.alpha, shown.p) == pytest.approx((raw.alpha, raw.p))


def test_the_negative_tail_is_fitted_by_size() -> None:
    scores = pareto(9, 2_000, 2.4)
    assert tail.fit(*binned(-scores, -1)) == tail.fit(*binned(scores))


def test_few_scores_in_the_tail_are_too_few_to_tell() -> None:
    found = tail.fit(*binned(pareto(2, 30, 2.5)))
    assert found is not None
    assert found.tail <= 30
    assert found.verdict == "too few"


@pytest.mark.parametrize("scores", [[], [1.0], [1.0] * 50, [-3.0, -4.0]])
def test_where_there_is_nothing_to_fit_there_is_no_fit(scores: list[float]) -> None:
    assert tail.fit(*binned(np.array(scores))) is None


def test_bins_of_another_make_have_no_fit() -> None:
    counts, edges = np.histogram(pareto(1, 500, 2.0), bins=40)
    assert tail.of_histogram(Histogram(edges=edges.tolist(), counts=counts.tolist()), "positive") is None


def test_a_bin_about_zero_has_no_sign() -> None:
    edges, counts = np.array([-1.0, -0.1, 0.1, 1.0]), np.array([3, 100, 5])
    assert tail.magnitudes(edges, counts, "positive")[1].tolist() == [5]
    assert tail.magnitudes(edges, counts, "negative")[0].tolist() == [0.1, 1.0]
    assert tail.magnitudes(edges, counts, "negative")[1].tolist() == [3]
