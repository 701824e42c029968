"""How far two ranked lists agree, with intervals: overlaps of their beginnings, and correlations of ranks.

The rankings themselves are exact. What the intervals tell is how much a number hangs on which sequences happen to be
in the corpus: each is the middle 95 % of the number over resamples of it (percentile bootstrap, seeded, so that the
same lists tell the same interval).
"""

import math
from collections.abc import Callable
from collections.abc import Sequence as Many
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.services.shapes import Correlation, Overlap

RESAMPLES = 500
DEPTHS = (10, 50, 500)
# Below these a correlation, and an interval of it, say nothing.
FEWEST, FEWEST_RESAMPLED = 3, 8
_MIDDLE = (2.5, 97.5)

Key = int | str
# The keys of a list and their influences, the heaviest first.
Scores = tuple[tuple[Key, float], ...]
Values = NDArray[np.float64]
# Two lists of values, and counts [resample, value] of how often each stands in a resample: the measure in each, not a
# number where one list has no spread.
Measure = Callable[[Values, Values, Values], Values]


@dataclass(frozen=True)
class Agreed:
    """What two lists share, at each depth that both reach, and how alike what they share is ordered."""

    overlaps: tuple[Overlap, ...]
    spearman: Correlation | None
    kendall: Correlation | None
    shared: int


@lru_cache(maxsize=256)
def agreement(first: Scores, second: Scores, scored: int | None) -> Agreed:
    """How far two lists agree; `scored` is how many they were chosen from, None where nobody knows."""
    one, other = dict(first), dict(second)
    shared = [key for key in one if key in other]
    values = [np.array([scores[key] for key in shared]) for scores in (one, other)]
    return Agreed(
        overlaps=tuple(overlap(list(one), list(other), k, scored) for k in DEPTHS if k <= _depth(one, other)),
        spearman=correlation(values[0], values[1], spearman),
        kendall=correlation(values[0], values[1], kendall),
        shared=len(shared),
    )


def _depth(first: dict[Key, float], second: dict[Key, float]) -> int:
    # An overlap at 500 of lists that hold 50 would only repeat the one at 50.
    return max(DEPTHS[0], min(len(first), len(second)))


def jaccard(first: Many[Key], second: Many[Key], k: int) -> float:
    """The share of those in both lists' first k among those in either; 1 for two empty lists."""
    a, b = set(first[:k]), set(second[:k])
    return len(a & b) / len(a | b) if a | b else 1.0


def overlap(first: Many[Key], second: Many[Key], k: int, scored: int | None) -> Overlap:
    """Jaccard's overlap of the first k of two lists.

    Its interval draws the corpus anew, each sequence as often as a Poisson number of mean 1 says, the same number in
    both lists: then the first k of either are others, some twice, some not at all, and are read off the kept lists.
    A resample that empties a kept list before the k-th is compared as deep as it reaches.
    """
    low, high = _resampled_overlap(first, second, k)
    return Overlap(
        first=k,
        shared=len(set(first[:k]) & set(second[:k])),
        jaccard=jaccard(first, second, k),
        low=low,
        high=high,
        chance=None if scored is None else chance(min(k, len(first)), min(k, len(second)), scored),
    )


def _resampled_overlap(first: Many[Key], second: Many[Key], k: int) -> tuple[float, float]:
    every = {key: place for place, key in enumerate(dict.fromkeys([*first, *second]))}
    if not every:
        return 1.0, 1.0
    drawn = np.random.default_rng(0).poisson(1.0, size=(RESAMPLES, len(every))).astype(np.int32)
    places = [np.array([every[key] for key in keys], dtype=np.int64) for keys in (first, second)]
    full = [drawn[:, place].sum(axis=1) for place in places if len(place) >= k]
    depth = np.minimum.reduce([np.full(RESAMPLES, k), *full])
    one, other = (_first(drawn, place, depth) for place in places)
    union = np.maximum(one, other).sum(axis=1)
    # A resample that draws none of them says nothing.
    found = np.minimum(one, other).sum(axis=1)[union > 0] / union[union > 0]
    return _middle(found)


def _first(drawn: NDArray[np.int32], place: NDArray[np.int64], depth: NDArray[np.int64]) -> NDArray[np.int32]:
    """How often each key stands among the first `depth` of a list, in each resample."""
    mine = drawn[:, place]
    before = mine.cumsum(axis=1) - mine
    taken = np.zeros_like(drawn)
    taken[:, place] = np.clip(depth[:, None] - before, 0, mine)
    return taken


def chance(first: int, second: int, scored: int) -> float | None:
    """The Jaccard overlap to expect of two random lists of these lengths out of `scored` sequences.

    None where so few were scored that such lists cannot be. How many two random lists share is hypergeometric.
    """
    if max(first, second) > scored:
        return None
    if first + second == 0:
        return 1.0

    def logs(n: int, m: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(m + 1) - math.lgamma(n - m + 1)

    least, most = max(0, first + second - scored), min(first, second)
    whole = logs(scored, second)
    return sum(
        math.exp(logs(first, both) + logs(scored - first, second - both) - whole) * both / (first + second - both)
        for both in range(least, most + 1)
    )


@dataclass(frozen=True)
class _Tied:
    """Values as groups of equal ones: the group of each, in ascending order of value."""

    group: NDArray[np.int64]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, values: Values) -> "_Tied":
        """The groups of some values."""
        _, group = np.unique(values, return_inverse=True)
        order = np.argsort(group, kind="stable")
        return cls(group, order, np.flatnonzero(np.diff(group[order], prepend=-1)))

    def counted(self, counts: Values) -> Values:
        """How often each group stands in each resample [resample, group]."""
        return np.asarray(np.add.reduceat(counts[:, self.order], self.starts, axis=1), dtype=np.float64)


def correlation(first: Values, second: Values, measure: Measure) -> Correlation | None:
    """A correlation of ranks with its interval; None below three values or without spread.

    The interval draws the shared sequences anew, with replacement; below eight of them there is none.
    """
    if len(first) < FEWEST:
        return None
    value = measure(first, second, np.ones((1, len(first))))[0]
    if not np.isfinite(value):
        return None
    low = high = None
    if len(first) >= FEWEST_RESAMPLED:
        even = np.full(len(first), 1 / len(first))
        counts = np.random.default_rng(0).multinomial(len(first), even, size=RESAMPLES).astype(np.float64)
        low, high = _middle(measure(first, second, counts))
    return Correlation(value=float(value), low=low, high=high)


def _middle(found: Values) -> tuple[float, float]:
    low, high = np.percentile(found[np.isfinite(found)], _MIDDLE)
    return float(low), float(high)


def spearman(first: Values, second: Values, counts: Values) -> Values:
    """Spearman's rank correlation in each resample, with average ranks for ties."""
    a, b = (_centred(_ranks(values, counts), counts) for values in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt((counts * a * a).sum(axis=1) * (counts * b * b).sum(axis=1))
        return np.asarray((counts * a * b).sum(axis=1) / spread, dtype=np.float64)


def _ranks(values: Values, counts: Values) -> Values:
    """Ranks in each resample, equal values sharing the mean of theirs."""
    tied = _Tied.of(values)
    grouped = tied.counted(counts)
    return np.asarray((grouped.cumsum(axis=1) - (grouped - 1) / 2)[:, tied.group], dtype=np.float64)


def _centred(ranks: Values, counts: Values) -> Values:
    mean = (counts * ranks).sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True)
    return np.asarray(ranks - mean, dtype=np.float64)


def kendall(first: Values, second: Values, counts: Values) -> Values:
    """Kendall's tau-b in each resample: pairs in the same order less those in the other, over pairs tied in neither."""
    agrees = np.sign(first[:, None] - first) * np.sign(second[:, None] - second)
    balance = ((counts @ agrees) * counts).sum(axis=1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(_untied(first, counts) * _untied(second, counts))
        return np.asarray(balance / spread, dtype=np.float64)


def _untied(values: Values, counts: Values) -> Values:
    """How many pairs of each resample are not tied."""
    grouped, many = _Tied.of(values).counted(counts), counts.sum(axis=1)
    tied = (grouped * (grouped - 1)).sum(axis=1)
    return np.asarray((many * (many - 1) - tied) / 2, dtype=np.float64)
