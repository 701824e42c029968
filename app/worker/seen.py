"""Which ids a corpus has had already, in eight bytes each."""

import hashlib

import numpy as np
from numpy.typing import NDArray

MOST_RECENT = 100_000


class Seen:
    """A set of strings that holds no string: of each the first 64 bits of its digest, sorted in one array.

    Two different ids are taken for the same about once in 37 million corpora of a million documents.
    """

    def __init__(self) -> None:
        self._sorted: NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        self._recent: set[int] = set()

    def add(self, name: str) -> bool:
        """Put it in; False when it is there already."""
        key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
        if key in self._recent or self._has(key):
            return False
        self._recent.add(key)
        if len(self._recent) >= MOST_RECENT:
            self._settle()
        return True

    def _has(self, key: int) -> bool:
        place = int(np.searchsorted(self._sorted, np.uint64(key)))
        return place < len(self._sorted) and int(self._sorted[place]) == key

    def _settle(self) -> None:
        fresh = np.fromiter(self._recent, dtype=np.uint64, count=len(self._recent))
        self._sorted = np.sort(np.concatenate([self._sorted, fresh]))
        self._recent = set()
