"""The power law of a tail, fitted to binned scores by maximum likelihood, and whether chance explains its misfit.

A run keeps a histogram of all its scores in bins whose edges grow by a constant ratio c, and not the scores. For
p(x) ~ x^-alpha above xmin, the number j of bins between xmin and a score is geometric with q = c^-(alpha - 1), so the
likelihood of Virkar & Clauset (2014, eq 2) has its maximum in closed form at q = mean(j) / (1 + mean(j)). As Clauset,
Shalizi & Newman (2009) do, xmin is the bin whose fit lies nearest to the scores (Kolmogorov-Smirnov), and p is the
share of samples drawn from that fit (below xmin from the scores themselves) that lie as far from a fit of their own.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.services import tail_laws
from app.services.shapes import Histogram, Sign, TailVerdict
from app.services.tail_laws import Alternative

RESAMPLES = 400
# Clauset, Shalizi & Newman rule a power law out below this p.
REJECTED_BELOW = 0.1
# So few scores lie near nearly every law.
FEW = 50
# With fewer scores above it a bin is not tried as xmin: any law would fit.
LEAST_TAIL = 10
SEED = 0
# A sample reaches beyond the heaviest score, as far as it holds this many of its scores on average.
_BEYOND = 0.05
_MOST_BEYOND = 150

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class PowerLaw:
    """A fit to the magnitudes of one sign: p(x) ~ x^-alpha for x >= xmin, in the unit of the edges.

    error: one standard error of alpha at the xmin found.
    tail, scores: how many magnitudes lie above xmin, and how many there are.
    distance: Kolmogorov-Smirnov's, at the bins' edges.
    p: by the bootstrap; small means that the tail is no power law.
    alternatives: other laws above xmin, held against this one.
    """

    alpha: float
    error: float
    xmin: float
    tail: int
    scores: int
    distance: float
    p: float
    alternatives: tuple[Alternative, ...] = ()

    @property
    def verdict(self) -> TailVerdict:
        """What the fit says: no power law; it may be one; or there are too few scores to tell."""
        if self.p < REJECTED_BELOW:
            return "rejected"
        return "possible" if self.tail >= FEW else "too few"


@dataclass(frozen=True)
class _Fits:
    """The nearest fit to each of some samples: the bin of xmin, q, distance and size of the tail; inf where none is."""

    first: NDArray[np.int64]
    q: NDArray[np.float64]
    distance: NDArray[np.float64]
    tail: Counts


def of_histogram(histogram: Histogram, sign: Sign) -> PowerLaw | None:
    """The power law of one sign of a run's scores; it is fitted once for equal histograms."""
    return _of_bins(tuple(histogram.edges), tuple(histogram.counts), sign)


@lru_cache(maxsize=1024)
def _of_bins(edges: tuple[float, ...], counts: tuple[int, ...], sign: Sign) -> PowerLaw | None:
    return fit(*magnitudes(np.array(edges), np.array(counts, dtype=np.int64), sign))


def magnitudes(edges: NDArray[np.float64], counts: Counts, sign: Sign) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Edges and counts of one sign by size, the lightest first; a bin about zero has no sign and is left out."""
    if sign == "negative":
        edges, counts = -edges[::-1], counts[::-1]
    first = int(np.searchsorted(edges, 0.0, side="right"))
    edges, counts = edges[first:], counts[first:]
    filled = np.flatnonzero(counts)
    if filled.size == 0:
        return np.zeros(0), np.zeros(0, dtype=np.int64)
    begin, end = int(filled[0]), int(filled[-1])
    return edges[begin : end + 2], counts[begin : end + 1]


def fit(edges: NDArray[np.float64], counts: Counts, resamples: int = RESAMPLES) -> PowerLaw | None:
    """The power law of magnitudes in bins of a constant ratio; None where bins are of another make or scores too few.

    edges, counts: as `magnitudes` gives them. The samples are drawn from one seed, so equal counts give an equal p.
    """
    if len(counts) < 2 or not _constant_ratio(edges):
        return None
    found = _nearest(counts[None, :])
    if not np.isfinite(found.distance[0]):
        return None
    first, q, distance, tail = int(found.first[0]), float(found.q[0]), float(found.distance[0]), int(found.tail[0])
    width = float(np.log(edges[-1] / edges[0])) / len(counts)
    samples = _nearest(_samples(counts, first, q, resamples)).distance
    return PowerLaw(
        alpha=float(1 - np.log(q) / width),
        error=float((1 - q) / (width * np.sqrt(q * tail))),
        xmin=float(edges[first]),
        tail=tail,
        scores=int(counts.sum()),
        distance=distance,
        p=float(np.mean(samples >= distance)),
        alternatives=tail_laws.against(counts[first:], width, q, float(edges[first])),
    )


def _constant_ratio(edges: NDArray[np.float64]) -> bool:
    ratios = edges[1:] / edges[:-1]
    return bool(ratios[0] > 1 and np.allclose(ratios, ratios[0], rtol=1e-6))


def _nearest(counts: Counts) -> _Fits:
    """For each sample, a row of counts, the fit of the xmin that brings it nearest."""
    samples, bins = counts.shape
    above = np.zeros((samples, bins + 1), dtype=np.int64)
    above[:, :-1] = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    # The sum of j over a tail that begins at bin m is the sum of what lies above each later edge.
    steps = above[:, 1:][:, ::-1].cumsum(axis=1)[:, ::-1]
    best = _Fits(
        np.zeros(samples, dtype=np.int64), np.ones(samples), np.full(samples, np.inf), np.zeros(samples, dtype=np.int64)
    )
    for first in range(bins - 1):
        tail, sum_of_steps = above[:, first], steps[:, first]
        able = (tail >= LEAST_TAIL) & (sum_of_steps > 0) & (counts[:, first] > 0)
        if not able.any():
            continue
        size = np.maximum(tail, 1)
        q = np.where(able, sum_of_steps / (size + sum_of_steps), 0.5)
        law = np.exp(np.log(q)[:, None] * np.arange(1, bins - first + 1))
        gap = np.abs(above[:, first + 1 :] / size[:, None] - law).max(axis=1)
        nearer = able & (gap < best.distance)
        best.first[nearer], best.q[nearer] = first, q[nearer]
        best.distance[nearer], best.tail[nearer] = gap[nearer], tail[nearer]
    return best


def _samples(counts: Counts, first: int, q: float, many: int) -> Counts:
    """Counts of as many scores, drawn below xmin from those there are and above it from the law."""
    total, tail = int(counts.sum()), int(counts[first:].sum())
    wanted = int(np.ceil(np.log(_BEYOND / tail) / np.log(q)))
    reach = max(len(counts) - first, min(wanted, _MOST_BEYOND))
    law = (1 - q) * q ** np.arange(reach)
    law[-1] += q**reach
    shares = np.concatenate([counts[:first] / total, law * (tail / total)])
    return np.random.default_rng(SEED).multinomial(total, shares / shares.sum(), size=many)
