"""The sequences that a counterfactual check averages over: the corpus, or a sample that weighs as much."""

from collections.abc import Sequence as Series
from dataclasses import dataclass

import numpy as np

from engine import Sequence

# Of the sequences that the divergence is averaged over, the share that is chosen for pulling on the query.
CERTAIN_SHARE = 0.25
MOST_TOKENS = 32_768


@dataclass(frozen=True)
class Sample:
    """Sequences that stand for the corpus, and the weight of each; the first `certain` weigh as in the corpus."""

    sequences: list[Sequence]
    weights: list[float]
    certain: int


def sampled(sequences: Series[Sequence], pulling: Series[int], most: int) -> Sample:
    """The corpus, or where it holds more than `most` sequences, or long ones, a sample of it that weighs the same.

    The first of those that pull weigh as in the corpus, so that what pulls hard is neither left out nor counted many
    times; sequences drawn from a fixed seed share what is left.
    """
    n = len(sequences)
    certain = _within(sequences, pulling[: max(1, int(CERTAIN_SHARE * most))], CERTAIN_SHARE * MOST_TOKENS)
    taken, order = set(certain), np.random.default_rng(0).permutation(n).tolist()
    others = [place for place in order if place not in taken]
    drawn = _within(sequences, others[: most - len(certain)], (1 - CERTAIN_SHARE) * MOST_TOKENS)
    chosen = [sequences[place] for place in (*certain, *drawn)]
    if len(drawn) == len(others):
        return Sample(chosen, [1 / n] * n, n)
    share = (1 - len(certain) / n) / len(drawn)
    return Sample(chosen, [1 / n] * len(certain) + [share] * len(drawn), len(certain))


def _within(sequences: Series[Sequence], places: Series[int], tokens: float) -> list[int]:
    """As many of the places as hold so many tokens together, in their order; the first in any case."""
    found: list[int] = []
    for place in places:
        tokens -= len(sequences[place].ids)
        if found and tokens < 0:
            break
        found.append(place)
    return found
