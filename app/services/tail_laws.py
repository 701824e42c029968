"""Other laws of a tail, and whether they describe it better than its power law: likelihood-ratio tests on bins.

Clauset, Shalizi & Newman (2009, section 5) hold a power law against a lognormal, an exponential, a stretched
exponential and a power law with an exponential cut-off, each above the same xmin. With t = ln(x / xmin) the density of
t is exp(-g t - k s(t)) up to a factor: s = t^2 / 2 makes it the lognormal, s = e^t - 1 the cut-off, k = 0 the power law
of alpha = 1 + g. The stretched exponential has P(X >= x) = exp(-g (e^(b t) - 1) / b); b = 1 is the exponential, and b
towards 0 the power law. The bins are those of `services.tail`: of one width in t, the first begins at xmin.
"""

import math
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from app.services.binned_family import BinnedFamily
from app.services.shapes import AlternativeVerdict, TailLaw

# Clauset, Shalizi & Newman trust the sign of a ratio below this p.
TOLD_APART_BELOW = 0.1
LAWS: tuple[TailLaw, ...] = get_args(TailLaw)
# The largest exponent b that is tried, and the largest b t: beyond it e^(b t) is no number.
_STEEPEST, _MOST = 20.0, 200.0
_STEPS = 60
_CLOSE = 1e-9

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Alternative:
    """A law held against the power law of a tail.

    parameters: of its fit, lengths in the unit of xmin; empty where the fit is the power law itself.
    ratio: the log-likelihood of the power law less this one's, over all scores of the tail; below 0 this one is nearer.
    normalised: the ratio over its standard error (Vuong 1989); None for the cut-off, which contains the power law.
    p: two-sided; how often chance makes a ratio so far from 0 where both laws are equally near.
    """

    law: TailLaw
    parameters: dict[str, float]
    ratio: float
    normalised: float | None
    p: float

    @property
    def verdict(self) -> AlternativeVerdict:
        """Whether it describes the tail better than the power law, worse, or cannot be told apart from it."""
        if self.p >= TOLD_APART_BELOW:
            return "not told apart"
        return "better" if self.ratio < 0 else "worse"


@dataclass(frozen=True)
class _Fit:
    """A law's log-probability of each bin of the tail, and its parameters."""

    bins: Floats
    parameters: dict[str, float]


def against(counts: Counts, width: float, q: float, xmin: float) -> tuple[Alternative, ...]:
    """Every other law against the power law whose share falls by q from bin to bin.

    counts: scores in each bin of the tail, at least two bins filled; width: of a bin, in ln(x).
    """
    power: Floats = math.log1p(-q) + math.log(q) * np.arange(len(counts), dtype=np.float64)
    slope = -math.log(q) / width
    found: dict[TailLaw, _Fit | None] = {
        "lognormal": _lognormal(counts, width, slope, xmin),
        "exponential": _exponential(counts, width, xmin),
        "stretched exponential": _stretched(counts, width, xmin),
        "power law with cut-off": _cut_off(counts, width, slope, xmin),
    }
    return tuple(_compared(law, found[law], power, counts) for law in LAWS)


def _compared(law: TailLaw, fit: _Fit | None, power: Floats, counts: Counts) -> Alternative:
    nested = law == "power law with cut-off"
    same = Alternative(law, {}, 0.0, None if nested else 0.0, 1.0)
    if fit is None:
        return same
    held = counts > 0
    difference, many = (power - fit.bins)[held], counts[held]
    ratio, scores = float(many @ difference), int(many.sum())
    if nested:
        # What contains the power law is never further from the scores; a cut beyond all scores is none.
        if ratio >= -_CLOSE:
            return same
        # Twice the ratio has one degree of freedom (Wilks).
        return Alternative(law, fit.parameters, ratio, None, math.erfc(math.sqrt(-ratio)))
    spread = math.sqrt(float(many @ (difference - ratio / scores) ** 2))
    normalised = ratio / spread if spread > _CLOSE else 0.0
    return Alternative(law, fit.parameters, ratio, normalised, math.erfc(abs(normalised) / math.sqrt(2)))


def _exponential(counts: Counts, width: float, xmin: float) -> _Fit:
    rates, _, bins = _weibull(counts, width, np.ones(1))
    return _Fit(bins[0], {"scale": xmin / float(rates[0])})


def _stretched(counts: Counts, width: float, xmin: float) -> _Fit | None:
    """The stretched exponential of the likeliest b; None where none is likelier than the power law's b = 0."""
    powers = np.concatenate([[0.0], np.geomspace(0.01, min(_STEEPEST, _MOST / (width * len(counts))), 40)])
    for _ in range(4):
        rates, likelihood, bins = _weibull(counts, width, powers)
        best = int(likelihood.argmax())
        least, most = powers[max(best - 1, 0)], powers[min(best + 1, len(powers) - 1)]
        b, rate, found = float(powers[best]), float(rates[best]), bins[best]
        powers = np.linspace(least, most, 17)
    if b < _CLOSE:
        return None
    return _Fit(found, {"exponent": b, "scale": xmin * math.exp(math.log(b / rate) / b)})


def _weibull(counts: Counts, width: float, powers: Floats) -> tuple[Floats, Floats, Floats]:
    """For each b the likeliest rate g, the log-likelihood there, and the log-probability of each bin."""
    t, b = width * np.arange(len(counts) + 1), powers[:, None]
    edges = np.where(b > 0, np.expm1(b * t) / np.where(b > 0, b, 1.0), t)
    low, wide = edges[:, :-1], np.diff(edges, axis=1)
    rates = counts.sum() / ((low + wide / 2) @ counts)
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(_STEPS):
            grown = np.expm1(rates[:, None] * wide)
            slope = (wide / grown - low) @ counts
            bend = (wide * wide * (1 / grown + 1 / grown / grown)) @ counts
            # Newton's step on the rate, kept positive: the likelihood is concave.
            stepped = np.maximum(rates + slope / bend, rates / 4)
            moved, rates = np.abs(stepped / rates - 1).max(), stepped
            if moved < _CLOSE:
                break
        bins = -rates[:, None] * low + np.log(-np.expm1(-rates[:, None] * wide))
    return rates, bins @ counts, bins


def _lognormal(counts: Counts, width: float, slope: float, xmin: float) -> _Fit | None:
    found = BinnedFamily(counts, width, slope, lambda t: t * t / 2).likeliest(slope, 0.0)
    if found is None:
        return None
    return _Fit(found.bins, {"mu": math.log(xmin) - found.g / found.k, "sigma": found.k**-0.5})


def _cut_off(counts: Counts, width: float, slope: float, xmin: float) -> _Fit | None:
    family = BinnedFamily(counts, width, slope, np.expm1)
    # With k = 0 the mean of e^t may be beyond all bounds: begin with the cut at the heaviest score.
    found = family.likeliest(slope, math.exp(-width * len(counts)))
    return None if found is None else _Fit(found.bins, {"alpha": 1 + found.g, "scale": xmin / found.k})
