"""The paper's lexical prefilter: training sequences by the tokens that they share with a query (eqs 28 and 29)."""

from collections.abc import Callable, Collection, Iterable
from collections.abc import Sequence as Series
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from engine.corpus.batches import checked
from engine.corpus.postings import Postings, Segment
from engine.errors import QueryError
from engine.terms import ProgressCallback, Sequence, silent

# The paper's constant. Presence is 1 or 0, so a held token weighs (k1 + 1) 1 / (k1 + 1) = 1 whatever it is.
K1 = 1.5

# IDF is rounded to multiples of this, so that its sums are exact in float64 in any order and ties are true ties.
STEP = 2.0**-32


def token_weight(present: int) -> float:
    """How much of a token's IDF a sequence earns: (k1 + 1) e / (k1 + e), e = 1 if it holds the token, else 0."""
    return (K1 + 1) * present / (K1 + present)


def inverse_document_frequency(
    sequences: int, holding: Int[NDArray[np.int64], " token"]
) -> Float[NDArray[np.float64], " token"]:
    """IDF = log((C - n + 1/2) / (n + 1/2) + 1) (paper, eq 29), positive, in nats, to a multiple of 2^-32.

    sequences: C, how many there are. holding: n, how many of them hold each token.
    """
    exact = np.log((sequences - holding + 0.5) / (holding + 0.5) + 1)
    return np.asarray(np.round(exact / STEP) * STEP)


class LexicalIndex:
    """The TF-IDF filter over a corpus of token sequences, on disk and memory-mapped.

    The score of a sequence is the sum over the query's distinct tokens of (k1 + 1) e / (k1 + e) x IDF (paper, eq 28).
    It sees tokens, not meaning: a sequence in other words, or in another language, scores nothing.
    """

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        self._holding: Callable[[int], int] = cache(self._count_holding)

    @classmethod
    def build(cls, folder: Path, sequences: Iterable[Sequence], progress: ProgressCallback = silent) -> "LexicalIndex":
        """Index a corpus in one pass and in bounded memory; the folder appears whole or not at all.

        Raises: CorpusError for a one-shot iterator, an empty corpus, and a token id outside 0 to 2^31 - 1.
        """
        return cls(Postings.build(folder, checked(sequences), progress))

    @classmethod
    def open(cls, folder: Path) -> "LexicalIndex":
        """An index that `build` wrote. Raises: CorpusError when it is missing, of another kind, or cut short."""
        return cls(Postings.open(folder))

    def __len__(self) -> int:
        """How many sequences it covers."""
        return self._postings.sequences

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every sequence's length and ids, as little-endian 32-bit integers, in order."""
        return self._postings.fingerprint

    @property
    def bytes_per_sequence(self) -> float:
        """Its size on disk."""
        return self._postings.bytes / len(self)

    def idf(self, token: int) -> float:
        """IDF of a token, in nats (paper, eq 29); the largest for a token that no sequence holds."""
        return float(self._idf([token])[0])

    def best(self, query_ids: Series[int], count: int) -> tuple[tuple[int, float], ...]:
        """The `count` highest sequences with their scores, best first, equal scores in the order of the corpus.

        All sequences when there are no more than `count`; one that shares no token with the query scores 0.

        Raises: QueryError for a query without tokens or a count below 1.
        """
        if count < 1:
            raise QueryError(f"count={count} keeps nothing.", "Give 1 or more.")
        tokens = _distinct(query_ids)
        weights = self._idf(tokens) * (token_weight(1) - token_weight(0))
        kept = _Best(count)
        for segment in self._postings:
            kept.add(segment.first, _segment_scores(segment, tokens, weights))
        return kept.ranked()

    def overlap(self, query_ids: Series[int], sequence_ids: Series[int]) -> float:
        """The share, 0 to 1, of the query's summed IDF whose tokens the sequence holds: its score over the highest.

        Raises: QueryError for a query without tokens.
        """
        tokens = _distinct(query_ids)
        idf, held = self._idf(tokens), np.isin(tokens, list(sequence_ids))
        return float(idf[held].sum() / idf.sum())

    def _idf(self, tokens: Series[int]) -> Float[NDArray[np.float64], " token"]:
        return inverse_document_frequency(len(self), np.array([self._holding(token) for token in tokens]))

    def _count_holding(self, token: int) -> int:
        return sum(len(segment.holding(token)) for segment in self._postings)


def coverage(candidates: Collection[int], heaviest: Series[int]) -> float:
    """The share of the unfiltered top k, `heaviest`, that a filter's candidates hold: what the filter did not miss.

    Raises: QueryError when the top k is empty.
    """
    if not heaviest:
        raise QueryError("The unfiltered top k is empty, so there is no share of it.", "Scan everything first.")
    kept = set(candidates)
    return sum(index in kept for index in heaviest) / len(heaviest)


def _distinct(query_ids: Series[int]) -> list[int]:
    if not query_ids:
        raise QueryError("The query has no token to look for.", "Give at least one token id.")
    return sorted(set(query_ids))


def _segment_scores(
    segment: Segment, tokens: Series[int], weights: Float[NDArray[np.float64], " token"]
) -> Float[NDArray[np.float64], " sequence"]:
    scores = np.zeros(segment.sequences)
    for token, weight in zip(tokens, weights, strict=True):
        np.add.at(scores, segment.holding(token), weight)
    return scores


class _Best:
    """The highest scores so far, in the order of the corpus; scores must be added in that order."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._scores = np.zeros(0)
        self._indices = np.zeros(0, dtype=np.int64)

    def add(self, first: int, scores: Float[NDArray[np.float64], " sequence"]) -> None:
        """Take in the scores of consecutive sequences, the first of which has index `first`."""
        floor = self._scores.min() if len(self._scores) == self._count else -1.0
        fresh = np.flatnonzero(scores > floor)
        self._scores = np.append(self._scores, scores[fresh])
        self._indices = np.append(self._indices, first + fresh)
        if len(self._scores) > self._count:
            self._cut()

    def _cut(self) -> None:
        least = np.partition(self._scores, -self._count)[-self._count]
        keep = self._scores > least
        level = np.flatnonzero(self._scores == least)
        keep[level[: self._count - np.count_nonzero(keep)]] = True
        self._scores, self._indices = self._scores[keep], self._indices[keep]

    def ranked(self) -> tuple[tuple[int, float], ...]:
        """(index, score), highest first, equal scores in the order of the corpus."""
        order = np.argsort(-self._scores, kind="stable")
        return tuple(zip(self._indices[order].tolist(), self._scores[order].tolist(), strict=True))
