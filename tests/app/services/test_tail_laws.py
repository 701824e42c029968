"""Each law is recognised in draws of its own, and the ratios are those of the scores themselves."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, optimize, stats

from app.services import tail_laws
from app.services.shapes import TailLaw
from app.services.tail_laws import Alternative

Scores = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Scores]
DECADES = 8


def pareto(chance: np.random.Generator, many: int) -> Scores:
    """p(x) ~ x^-2.5 above 1."""
    return np.asarray(chance.random(many) ** (-1 / 1.5))


def lognormal(chance: np.random.Generator, many: int) -> Scores:
    """ln x ~ N(0.3, 0.9^2), what lies above 1."""
    drawn = np.exp(chance.normal(0.3, 0.9, 6 * many))
    return drawn[drawn >= 1][:many]


def exponential(chance: np.random.Generator, many: int) -> Scores:
    """A mean of 2 above 1."""
    return 1 + chance.exponential(2.0, many)


def stretched(chance: np.random.Generator, many: int) -> Scores:
    """P(X >= x) = exp(1 - sqrt(x)) above 1."""
    return np.asarray((1 + chance.exponential(1.0, many)) ** 2)


def cut_off(chance: np.random.Generator, many: int) -> Scores:
    """p(x) ~ x^-1.8 exp(-x / 10) above 1."""
    drawn = chance.random(12 * many) ** (-1 / 0.8)
    return drawn[chance.random(drawn.size) < np.exp(-(drawn - 1) / 10)][:many]


def against(scores: Scores, a_decade: int = 20) -> dict[TailLaw, Alternative]:
    """The laws held against the power law over bins that begin at 1, so many a decade."""
    counts, _ = np.histogram(np.log10(scores), bins=DECADES * a_decade, range=(0, DECADES))
    counts = counts[: np.flatnonzero(counts)[-1] + 1]
    steps = int(counts @ np.arange(len(counts)))
    found = tail_laws.against(counts, np.log(10) / a_decade, steps / (steps + counts.sum()), 1.0)
    return {one.law: one for one in found}


def likeliest(density: Callable[..., Scores], scores: Scores, start: list[float]) -> tuple[Scores, Scores]:
    """Parameters and log-densities of a law at the maximum over the scores themselves."""
    found = optimize.minimize(
        lambda at: -density(scores, *at).sum(), start, method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-7, "maxiter": 5_000},
    )  # fmt: skip
    return found.x, density(scores, *found.x)


def of_lognormal(scores: Scores, mu: float, log_sigma: float) -> Scores:
    law = stats.lognorm(np.exp(log_sigma), scale=np.exp(mu))
    return np.asarray(law.logpdf(scores) - law.logsf(1.0))


def of_exponential(scores: Scores, log_scale: float) -> Scores:
    return np.asarray(stats.expon(loc=1, scale=np.exp(log_scale)).logpdf(scores))


def of_stretched(scores: Scores, log_exponent: float, log_scale: float) -> Scores:
    law = stats.weibull_min(np.exp(log_exponent), scale=np.exp(log_scale))
    return np.asarray(law.logpdf(scores) - law.logsf(1.0))


def of_cut_off(scores: Scores, alpha: float, log_scale: float) -> Scores:
    scale = np.exp(log_scale)
    whole, _ = integrate.quad(lambda t: np.exp((1 - alpha) * t - np.exp(t) / scale), 0, 15)
    return np.asarray(-alpha * np.log(scores) - scores / scale - np.log(whole))


@pytest.mark.parametrize(
    ("law", "draw", "density", "start", "parameters"),
    [
        ("lognormal", lognormal, of_lognormal, [0.0, 0.0], lambda at: {"mu": at[0], "sigma": np.exp(at[1])}),
        ("exponential", exponential, of_exponential, [0.0], lambda at: {"scale": np.exp(at[0])}),
        ("stretched exponential", stretched, of_stretched, [0.0, 0.0],
         lambda at: {"exponent": np.exp(at[0]), "scale": np.exp(at[1])}),
        ("power law with cut-off", cut_off, of_cut_off, [1.5, 2.0],
         lambda at: {"alpha": at[0], "scale": np.exp(at[1])}),
    ],
)  # fmt: skip
def test_fine_bins_give_the_fit_and_the_test_of_the_scores_themselves(
    law: TailLaw, draw: Draw, density: Callable[..., Scores], start: list[float], parameters: Callable[[Scores], object]
) -> None:
    scores = draw(np.random.default_rng(2), 400)
    alpha = 1 + len(scores) / np.log(scores).sum()
    power = np.log(alpha - 1) - alpha * np.log(scores)
    at, other = likeliest(density, scores, start)
    difference = power - other
    found = against(scores, a_decade=2_000)[law]
    assert found.parameters == pytest.approx(parameters(at), rel=0.01)
    assert found.ratio == pytest.approx(difference.sum(), abs=0.02)
    if found.normalised is None:
        expected = stats.chi2(1).sf(-2 * difference.sum())
    else:
        vuong = difference.sum() / (np.sqrt(len(scores)) * difference.std())
        assert found.normalised == pytest.approx(vuong, abs=0.01)
        expected = 2 * stats.norm.sf(abs(vuong))
    assert np.log(found.p) == pytest.approx(np.log(expected), abs=0.1)


@pytest.mark.parametrize(
    ("law", "draw"),
    [
        ("lognormal", lognormal),
        ("exponential", exponential),
        ("stretched exponential", stretched),
        ("power law with cut-off", cut_off),
    ],
)
def test_a_law_is_recognised_in_draws_of_its_own(law: TailLaw, draw: Draw) -> None:
    for seed in range(10):
        assert against(draw(np.random.default_rng(seed), 1_500))[law].verdict == "better", seed


@pytest.mark.parametrize(
    ("law", "draw"),
    [("lognormal", lognormal), ("stretched exponential", stretched), ("power law with cut-off", cut_off)],
)
def test_among_many_draws_the_law_of_their_own_is_the_likeliest(law: TailLaw, draw: Draw) -> None:
    found = against(draw(np.random.default_rng(4), 60_000))
    assert min(found.values(), key=lambda one: one.ratio).law == law


def test_an_exponential_is_worse_for_the_draws_of_a_power_law_and_no_other_law_is_better() -> None:
    found = [against(pareto(np.random.default_rng(seed), 600)) for seed in range(60)]
    assert all(one["exponential"].verdict == "worse" for one in found)
    for law in ("lognormal", "stretched exponential", "power law with cut-off"):
        better = sum(one[law].verdict == "better" for one in found)
        assert better <= 0.1 * 60 + 3 * np.sqrt(60 * 0.1 * 0.9), law


def test_laws_that_come_down_to_the_power_law_are_told_as_that() -> None:
    # Heavier at its end than a power law: a mixture of two.
    chance = np.random.default_rng(1)
    scores = np.concatenate([chance.random(2_000) ** (-1 / 2.5), chance.random(300) ** (-1 / 0.6)])
    found = against(scores)
    for law in ("lognormal", "stretched exponential"):
        assert found[law].parameters == {}
        assert (found[law].ratio, found[law].p, found[law].verdict) == (0.0, 1.0, "not told apart")


def test_the_unit_scales_lengths_and_leaves_the_tests_as_they_are() -> None:
    counts = np.array([40, 31, 22, 15, 9, 4, 2, 0, 1])
    one, other = (tail_laws.against(counts, 0.115, 0.7, xmin) for xmin in (1.0, 0.25))
    for first, second in zip(one, other, strict=True):
        assert (first.ratio, first.p) == (second.ratio, second.p)
        for name, value in first.parameters.items():
            expected = value - np.log(4) if name == "mu" else value / 4 if name == "scale" else value
            assert second.parameters[name] == pytest.approx(expected)


@pytest.mark.parametrize("counts", [[5, 5], [1, 0, 0, 0, 9], [9, 0, 0, 1], [10_000, 1], [1, *[0] * 300, 9]])
def test_tails_of_few_bins_have_finite_answers(counts: list[int]) -> None:
    held = np.array(counts)
    steps = int(held @ np.arange(len(held)))
    for one in tail_laws.against(held, 0.115, steps / (steps + held.sum()), 1.0):
        assert np.isfinite([one.ratio, one.p, *one.parameters.values()]).all(), one
        assert 0 <= one.p <= 1
