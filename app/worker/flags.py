"""What is worth knowing of a kept sequence beside its score: one token, a repetition, the query's own words."""

from collections.abc import Sequence as Series
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.services.record import KeptSequence
from engine import LexicalIndex, longest_shared_run

SPURIOUS_ABOVE = 2 / 3
# A copied phrase, not shared names only: so much of the query's IDF, and so many tokens in a row.
OVERLAP_FROM = 0.5
RUN_FROM = 4

SPURIOUS = "spurious"
DUPLICATE = "duplicate"
OVERLAP = "lexical overlap"


@dataclass(frozen=True)
class Flagging:
    """How the lists of one query are flagged. `groups` holds for each sequence the first of its duplicates.

    Without `words`, which know how rare each is, nothing is said of the query's own words.
    """

    groups: NDArray[np.int64]
    words: LexicalIndex | None
    query_ids: Series[int]

    def flagged(self, ranked: Series[KeptSequence]) -> list[KeptSequence]:
        """The same list, heaviest first, with flags and what they rest on."""
        first_of: dict[int, int] = {}
        found = []
        for rank, kept in enumerate(ranked, start=1):
            first = first_of.setdefault(int(self.groups[kept.sequence_id]), rank)
            repeats = None if first == rank else first
            overlap = None if self.words is None else self.words.overlap(self.query_ids, kept.token_ids.tolist())
            copied = overlap is not None and self._copied(kept, overlap)
            marks = (SPURIOUS, is_spurious(kept.token)), (DUPLICATE, repeats is not None), (OVERLAP, copied)
            flags = tuple(name for name, holds in marks if holds)
            found.append(replace(kept, flags=flags, duplicate_of=repeats, overlap=overlap))
        return found

    def _copied(self, kept: KeptSequence, overlap: float) -> bool:
        return overlap >= OVERLAP_FROM and longest_shared_run(self.query_ids, kept.token_ids.tolist()) >= RUN_FROM


def is_spurious(token: NDArray[np.float32]) -> bool:
    """Whether one or two tokens carry nearly everything: the two-norm over the one-norm lies above 2/3."""
    total = float(np.abs(token).sum())
    return total > 0 and float(np.linalg.norm(token)) / total > SPURIOUS_ABOVE
