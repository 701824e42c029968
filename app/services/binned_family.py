"""Laws of density exp(-g t - k s(t)) for t >= 0, up to a factor, fitted to bins of t by maximum likelihood.

Both parameters are natural ones of an exponential family, so the score is a difference of means and the information of
the bins a covariance: Fisher's scoring finds the maximum. Means are taken by Gauss-Legendre's rule in every bin.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# Where exp(-g t) of the law at the beginning is e^-_REACH, the sums over all bins end.
_REACH, _FARTHEST = 25.0, 300.0
_PLACES, _WEIGHTS = np.polynomial.legendre.leggauss(4)
_STEPS = 100
_CLOSE = 1e-9
# A step goes at most so near to k = 0, as a share of k.
_LEFT = 0.1
_HALVINGS = 40
# Keeps the information of two filled bins solvable.
_RIDGE = 1e-12


@dataclass(frozen=True)
class Likeliest:
    """The maximum: both parameters, and the log-probability of each bin."""

    g: float
    k: float
    bins: Floats


@dataclass(frozen=True)
class _Place:
    """A pair of parameters: the log-likelihood, the score and the information there, and each bin's log-probability."""

    likelihood: float
    score: Floats
    information: Floats
    bins: Floats


class BinnedFamily:
    """The family of one s over counts in bins of one width, of which the first begins at t = 0.

    slope: g of the power law that the fits begin at; it says how far beyond the counts the law has to be summed.
    """

    def __init__(self, counts: Counts, width: float, slope: float, statistic: Callable[[Floats], Floats]) -> None:
        self._counts = counts
        reach = max(width * len(counts) + 1, min(_REACH / slope, _FARTHEST))
        starts = width * np.arange(int(np.ceil(reach / width)))
        t = starts[:, None] + width * (1 + _PLACES) / 2
        self._weights = np.broadcast_to(width * _WEIGHTS / 2, t.shape)
        self._statistics = np.stack([t, statistic(t)])

    def likeliest(self, g: float, k: float) -> Likeliest | None:
        """The maximum over k > 0 from a beginning; None where the likelihood falls with k from k = 0 on."""
        at = np.array([g, k])
        place = self._place(at)
        if k == 0 and place.score[1] <= 0:
            return None
        for _ in range(_STEPS):
            moved = self._climbed(at, place)
            if moved is None:
                break
            gain = moved[1].likelihood - place.likelihood
            at, place = moved
            if gain < _CLOSE:
                break
        return Likeliest(float(at[0]), float(at[1]), place.bins)

    def _climbed(self, at: Floats, place: _Place) -> tuple[Floats, _Place] | None:
        """Fisher's step, halved until the likelihood rises; None where no part of it rises."""
        step = np.linalg.solve(place.information + np.diag(_RIDGE * np.diag(place.information)), place.score)
        if at[1] > 0 and at[1] + step[1] < _LEFT * at[1]:
            step *= (1 - _LEFT) * at[1] / -step[1]
        for _ in range(_HALVINGS):
            found = self._place(at + step)
            if found.likelihood > place.likelihood:
                return at + step, found
            step = step / 2
        return None

    def _place(self, at: Floats) -> _Place:
        heights = -at[0] * self._statistics[0] - at[1] * self._statistics[1]
        heaviest = heights.max()
        mass = self._weights * np.exp(heights - heaviest)
        shares = mass.sum(axis=1) / mass.sum()
        held = len(self._counts)
        # A bin of no mass has the mean of nothing; it is never weighed, for its share is 0.
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.nan_to_num((mass * self._statistics).sum(axis=2) / mass.sum(axis=1))
            bins = np.log(shares[:held])
        mean = means @ shares
        apart = means - mean[:, None]
        many = int(self._counts.sum())
        filled = self._counts > 0
        return _Place(
            likelihood=float(self._counts[filled] @ bins[filled]),
            score=many * mean - means[:, :held] @ self._counts,
            information=many * (apart * shares) @ apart.T,
            bins=bins,
        )
