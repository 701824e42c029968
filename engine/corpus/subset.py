"""Some sequences of a corpus, each with its place in it."""

from collections.abc import Iterator
from itertools import compress

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from engine.corpus.batches import Sequences
from engine.errors import CorpusError
from engine.terms import Sequence


class Subset:
    """The sequences that `chosen` marks, streamed from the corpus in its order."""

    def __init__(self, sequences: Sequences, chosen: Bool[NDArray[np.bool_], " sequence"]) -> None:
        self._sequences, self._chosen = sequences, chosen
        self.places = np.flatnonzero(chosen)

    def __len__(self) -> int:
        """How many sequences are chosen."""
        return len(self.places)

    def __iter__(self) -> Iterator[Sequence]:
        """Start again from the first chosen sequence."""
        return compress(self._sequences, self._chosen)


def random_half(sequences: Sequences, seed: int) -> Subset:
    """Half of the sequences (of an odd number the smaller half), drawn without replacement.

    Raises: CorpusError for fewer than two sequences.
    """
    if len(sequences) < 2:
        raise CorpusError("One sequence has no half.", "Give two sequences or more.")
    chosen = np.zeros(len(sequences), dtype=np.bool_)
    chosen[np.random.default_rng(seed).permutation(len(sequences))[: len(sequences) // 2]] = True
    return Subset(sequences, chosen)
