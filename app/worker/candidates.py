"""Which sequences a query's scope lets it score. "everything" needs no candidates; the other scopes choose them."""

from collections.abc import Callable, Iterable
from collections.abc import Sequence as Series
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.services.indexes import candidates_for
from app.services.shapes import Selection
from app.worker import translate
from app.worker.indexing import as_stored
from app.worker.preparing import Ready
from app.worker.scans import Asked
from engine import GradientIndex, LexicalIndex, search


@dataclass(frozen=True)
class Chosen:
    """The candidates of one run as ascending places in the corpus, and how they were chosen."""

    places: NDArray[np.int32]
    selection: Selection


Chooser = Callable[[Series[Asked]], list[Chosen]]


@dataclass(frozen=True)
class LexicalChooser:
    """The sequences that share most words with each query, weighted by rarity; those that share none never."""

    ready: Ready
    words: LexicalIndex
    most: int

    def __call__(self, runs: Series[Asked]) -> list[Chosen]:
        """The candidates of each run, the runs told apart by their queries alone."""
        return [self._of(run) for run in runs]

    def _of(self, run: Asked) -> Chosen:
        ids = translate.searched_ids(run.query, self.ready.row.tokenizer_json or "")
        places = _ascending((place for place, score in self.words.best(ids, self.most) if score > 0), self.ready)
        return Chosen(places, Selection(candidates=len(places), limit=self.most))


@dataclass(frozen=True)
class IndexedChooser:
    """The sequences that the gradient index names for each query, a few times as many as it keeps of each sign."""

    ready: Ready
    index: GradientIndex

    def __call__(self, runs: Series[Asked]) -> list[Chosen]:
        """The candidates of each run: looked up for all together, cut to what each one alone would get."""
        most = [candidates_for(run.query.keep) for run in runs]
        asked = [translate.query(run.query, self.ready.row) for run in runs]
        found = search(self.ready.model, self.ready.factors, self.index, asked, max(most))
        return [
            self._of([*named.positive[:limit], *named.negative[:limit]], limit)
            for named, limit in zip(found, most, strict=True)
        ]

    def _of(self, named: Series[int], limit: int) -> Chosen:
        places = _ascending(named, self.ready)
        selection = Selection.model_validate(
            {
                "candidates": len(places),
                "limit": limit,
                "index_fingerprint": self.index.fingerprint,
                "recall": as_stored(self.index.recall),
                "negative_recall": as_stored(self.index.negative_recall),
            }
        )
        return Chosen(places, selection)


def _ascending(places: Iterable[int], ready: Ready) -> NDArray[np.int32]:
    found = np.unique(np.fromiter(places, dtype=np.int32))
    # An index may have grown with its corpus since the model was made ready.
    return found[found < len(ready.sequences)]


def union(chosen: Series[Chosen]) -> NDArray[np.int32]:
    """All candidates of all runs, each once, ascending."""
    return np.unique(np.concatenate([one.places for one in chosen]))
