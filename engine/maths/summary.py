"""A mergeable summary of all scores of a query: moments, a signed histogram, and quantiles read off it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Sign = Literal["positive", "negative"]

# Magnitudes 1e-12 to 1e12 in steps of a twentieth of a decade (a factor of 1.122), on either side of zero.
_DECADES = np.linspace(-12, 12, 24 * 20 + 1)
_MAGNITUDES: NDArray[np.float64] = 10.0**_DECADES
EDGES: NDArray[np.float64] = np.concatenate([-_MAGNITUDES[::-1], _MAGNITUDES])


@dataclass(frozen=True, slots=True)
class Summary:
    """Scores of every sequence scanned, in constant memory; two summaries of disjoint sequences add up.

    counts, sums: number and sum of the scores in each bin of `EDGES` (first and last take what lies outside).
    """

    sequences: int
    total: float
    total_square: float
    minimum: float
    maximum: float
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.floating]) -> "Summary":
        """The summary of some scores, in nats per unit of epsilon."""
        values = scores.astype(np.float64)
        bins = np.clip(np.searchsorted(EDGES, values, side="right") - 1, 0, len(EDGES) - 2)
        return cls(
            sequences=values.size,
            total=float(values.sum()),
            total_square=float(np.square(values).sum()),
            minimum=float(values.min(initial=np.inf)),
            maximum=float(values.max(initial=-np.inf)),
            counts=np.bincount(bins, minlength=len(EDGES) - 1),
            sums=np.bincount(bins, weights=values, minlength=len(EDGES) - 1).astype(np.float64),
        )

    def __add__(self, other: "Summary") -> "Summary":
        """The summary of both sets of scores."""
        return Summary(
            self.sequences + other.sequences,
            self.total + other.total,
            self.total_square + other.total_square,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
            self.counts + other.counts,
            self.sums + other.sums,
        )

    @property
    def mean(self) -> float:
        """The mean score."""
        return self.total / self.sequences

    @property
    def standard_deviation(self) -> float:
        """The population standard deviation of the scores."""
        return float(np.sqrt(max(self.total_square / self.sequences - self.mean**2, 0.0)))

    def quantile(self, probability: float) -> float:
        """The score below which that share of sequences lies, within its bin (a factor of 1.122 wide)."""
        rank = probability * (self.sequences - 1)
        place = int(np.searchsorted(np.cumsum(self.counts), rank, side="right"))
        place = min(place, len(self.counts) - 1)
        middle = self.sums[place] / self.counts[place] if self.counts[place] else EDGES[place]
        return float(np.clip(middle, self.minimum, self.maximum))

    def top_share(self, fraction: float, sign: Sign) -> float | None:
        """What the heaviest `fraction` of *all* sequences hold of all influence of that sign.

        The last bin is taken in part, at its mean. None when no sequence has that sign.
        """
        order = slice(None, None, -1) if sign == "positive" else slice(None)
        counts, sums = self.counts[order], self.sums[order]
        signed = np.maximum(sums, 0) if sign == "positive" else np.maximum(-sums, 0)
        if not signed.sum() > 0:
            return None
        wanted = fraction * self.sequences
        before = np.concatenate([[0], np.cumsum(counts)[:-1]])
        taken = np.clip((wanted - before) / np.maximum(counts, 1), 0, 1)
        return float((signed * taken).sum() / signed.sum())
