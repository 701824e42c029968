"""What a scan passes over: all of its sequences, or those chosen for its runs; and scoring a stretch of it."""

from collections.abc import Sequence as Series
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.worker.preparing import Ready
from app.worker.progress import Report
from app.worker.tokens import TokenSequences
from engine import Hit, Influences, PreparedQueries, ScoreConfig, Sequence, Summary, score
from engine.pipeline.influences import heaviest


class Reach(Protocol):
    """The sequences that a scan's shards are stretches of."""

    @property
    def sequences(self) -> Series[Sequence]:
        """What the places of hits count: the corpus, or the candidates given in its place."""

    def offset(self, start: int) -> int:
        """What to add to the places of a stretch's hits to get places among the sequences."""

    def scored(self, work: "Work", start: int, stop: int, report: Report) -> Influences:
        """The heaviest sequences of the stretch for each query, and a summary of all it scored."""


@dataclass(frozen=True)
class Work:
    """What a stretch is scored with."""

    ready: Ready
    prepared: PreparedQueries
    config: ScoreConfig


@dataclass(frozen=True)
class Everything:
    """Every sequence counts for every query."""

    sequences: Series[Sequence]

    def offset(self, start: int) -> int:
        """Hits are numbered from the stretch's beginning."""
        return start

    def scored(self, work: Work, start: int, stop: int, report: Report) -> Influences:
        """The stretch as the engine scans it."""
        ready = work.ready
        return score(ready.model, ready.factors, work.prepared, self.sequences[start:stop], work.config, report)


@dataclass(frozen=True)
class Candidates:
    """Chosen sequences only; each counts for the queries that chose it, as if each query were alone.

    union: their ascending places in the corpus. own: the candidates of each prepared query.
    """

    sequences: TokenSequences
    union: NDArray[np.int32]
    own: Series[NDArray[np.int32]]

    def offset(self, start: int) -> int:  # noqa: ARG002 - part of the protocol
        """Hits carry their places in the corpus."""
        return 0

    def scored(self, work: Work, start: int, stop: int, report: Report) -> Influences:
        """All candidates of the stretch on all queries in one pass; each query then keeps its own."""
        assert work.config.top_k is not None
        places, everything = self.union[start:stop], replace(work.config, top_k=None)
        part = self.sequences.pick(places)
        found = score(work.ready.model, work.ready.factors, work.prepared, part, everything, report)
        kept = [_own(found, query, places, own, work.config.top_k) for query, own in enumerate(self.own)]
        return Influences(
            found.layers,
            positive=tuple(one.positive for one in kept),
            negative=tuple(one.negative for one in kept),
            summary=tuple(one.summary for one in kept),
        )


@dataclass(frozen=True)
class _Kept:
    """The heaviest of one query's own candidates, and the summary of all of them."""

    positive: tuple[Hit, ...]
    negative: tuple[Hit, ...]
    summary: Summary


def _own(found: Influences, query: int, places: NDArray[np.int32], own: NDArray[np.int32], keep: int) -> _Kept:
    assert found.sequence is not None
    assert found.layer is not None
    mine = np.flatnonzero(np.isin(places, own, assume_unique=True))
    scores = found.sequence[query].numpy()[mine]
    ends = np.unique(np.concatenate([np.argsort(-scores * sign, kind="stable")[:keep] for sign in (1, -1)]))
    hits = [Hit(int(places[mine[i]]), float(scores[i]), found.layer[query, mine[i]]) for i in ends]
    return _Kept(heaviest(hits, keep, 1), heaviest(hits, keep, -1), Summary.of(scores))
