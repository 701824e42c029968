"""How well rankings find the documents known to support a query, and BM25 to compare with.

A ranking is a list of document ids, the most influential first.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class RetrievalFigures:
    """Means over queries; `queries` says over how many."""

    queries: int
    any_at_10: float
    recall_at_10: float
    mrr: float


def any_in_first(ranking: Sequence[str], supporting: frozenset[str], first: int = 10) -> float:
    """1.0 if a supporting document stands among the first, else 0.0."""
    return float(not supporting.isdisjoint(ranking[:first]))


def recall_in_first(ranking: Sequence[str], supporting: frozenset[str], first: int = 10) -> float:
    """The share of the supporting documents that stand among the first."""
    if not supporting:
        raise ValueError("Recall needs at least one supporting document.")
    return len(supporting.intersection(ranking[:first])) / len(supporting)


def reciprocal_rank(ranking: Sequence[str], supporting: frozenset[str]) -> float:
    """One over the rank of the first supporting document; 0.0 if the ranking has none."""
    ranks = (rank for rank, document in enumerate(ranking, start=1) if document in supporting)
    first = next(ranks, None)
    return 1.0 / first if first is not None else 0.0


def retrieval_figures(rankings: Sequence[Sequence[str]], supporting: Sequence[Sequence[str]]) -> RetrievalFigures:
    """The three figures, a ranking and a list of supporting documents for each query."""
    if len(rankings) != len(supporting) or not rankings:
        raise ValueError(
            f"There are {len(rankings)} rankings and {len(supporting)} lists of supporting"
            " documents; give one of each for every query."
        )
    pairs = [(ranking, frozenset(ids)) for ranking, ids in zip(rankings, supporting, strict=True)]
    count = len(pairs)
    return RetrievalFigures(
        queries=count,
        any_at_10=sum(any_in_first(*pair) for pair in pairs) / count,
        recall_at_10=sum(recall_in_first(*pair) for pair in pairs) / count,
        mrr=sum(reciprocal_rank(*pair) for pair in pairs) / count,
    )


def words(text: str) -> list[str]:
    """Lowercase words, without punctuation."""
    return _WORD.findall(text.lower())


class Bm25:
    """Okapi BM25 over whole words (Robertson et al. 1994), with k1 = 1.5 and b = 0.75."""

    def __init__(self, texts: Mapping[str, str], k1: float = 1.5, b: float = 0.75) -> None:
        """Index documents by id."""
        self._ids = list(texts)
        counts = [Counter(words(text)) for text in texts.values()]
        lengths = [count.total() for count in counts]
        mean = max(sum(lengths) / max(len(lengths), 1), 1.0)
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for number, count in enumerate(counts):
            for word, times in count.items():
                spread = times + k1 * (1 - b + b * lengths[number] / mean)
                self._postings[word].append((number, times * (k1 + 1) / spread))

    def scores(self, query: str) -> list[float]:
        """A score for every document, in their order; a word counts as often as it is asked."""
        scores = [0.0] * len(self._ids)
        for word in words(query):
            postings = self._postings.get(word, [])
            weight = self._rarity(len(postings))
            for number, part in postings:
                scores[number] += weight * part
        return scores

    def rank(self, query: str, first: int | None = None) -> list[str]:
        """Ids by score, ties in the order of the documents; documents scoring 0 come last."""
        scores = self.scores(query)
        order = sorted(range(len(scores)), key=lambda number: -scores[number])
        return [self._ids[number] for number in order[:first]]

    def _rarity(self, holders: int) -> float:
        """The inverse document frequency, kept above zero."""
        return math.log(1 + (len(self._ids) - holders + 0.5) / (holders + 0.5))
