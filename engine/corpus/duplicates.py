"""Exact and near duplicates among training sequences: MinHash finds candidates, exact comparison decides."""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from datasketch import MinHash
from jaxtyping import Bool, Int, UInt
from numpy.typing import NDArray

from engine.corpus.batches import Sequences, checked
from engine.corpus.token_array import ITEM, token_array
from engine.errors import CorpusError
from engine.terms import Progress, ProgressCallback, Sequence, silent

SHINGLE = 5
PERMUTATIONS = 128
# How often a pair exactly as similar as asked may escape: bands are cut so that it is rarer than this.
MISSED = 1e-3
# A sequence is compared with so many earlier ones of each bucket at most, which bounds time and memory.
NEIGHBOURS = 32
PROGRESS_EVERY = 4096
DIGEST = 16
SEED = 1


def duplicate_groups(
    sequences: Iterable[Sequence], similarity: float = 0.8, progress: ProgressCallback = silent
) -> Int[NDArray[np.int64], " sequence"]:
    """For each sequence the index of the first sequence of its group of duplicates, which is itself when alone.

    Two sequences are duplicates when their ids are equal or when their sets of token 5-grams have a Jaccard
    similarity of `similarity` or more; groups are what such pairs connect. Every pair is compared exactly before it
    joins a group, so none is false; a pair just as similar as asked is missed once in a thousand, a more similar one
    more rarely. A sequence under five tokens has exact duplicates only. The same corpus gives the same groups.

    Takes two passes (one when nothing is alike), some 300 bytes a sequence, and the ids of sequences that wait for
    a later candidate.

    Raises: CorpusError for a one-shot iterator, an empty corpus, a similarity outside (0, 1], and a token id
        outside 0 to 2^31 - 1.
    """
    if not 0 < similarity <= 1:
        raise CorpusError(f"A similarity of {similarity} is not a share.", "Give a number above 0 and at most 1.")
    corpus = checked(sequences)
    sketches = _sketch(corpus, rows_per_band(similarity), progress)
    groups = _Groups(sketches.first_equal())
    _join_alike(groups, corpus, sketches.candidates(groups.labels), similarity, progress)
    return groups.labels


def rows_per_band(similarity: float) -> int:
    """Signature rows to a band: the most, hence the fewest candidates, that miss fewer than 1 pair in 1,000.

    A pair of Jaccard similarity s agrees in all r rows of one of b bands with probability 1 - (1 - s^r)^b.
    """
    fitting = [
        rows for rows in range(1, PERMUTATIONS + 1) if (1 - similarity**rows) ** (PERMUTATIONS // rows) <= MISSED
    ]
    return max(fitting, default=1)


@dataclass(frozen=True, slots=True)
class _Sketches:
    """What one pass keeps of every sequence: a digest of its ids, and a key for each band of its signature."""

    digests: UInt[NDArray[np.uint64], "sequence 2"]
    keys: UInt[NDArray[np.uint64], "sequence band"]
    short: Bool[NDArray[np.bool_], " sequence"]  # under five tokens, so without a signature

    def first_equal(self) -> Int[NDArray[np.int64], " sequence"]:
        """For each sequence the first that has the same ids."""
        _, first, inverse = np.unique(self.digests, axis=0, return_index=True, return_inverse=True)
        return first[inverse.ravel()].astype(np.int64)

    def candidates(self, labels: Int[NDArray[np.int64], " sequence"]) -> Int[NDArray[np.int64], "pair 2"]:
        """Pairs (earlier, later) that share a band's key, in order of the later; equal sequences count once."""
        chosen = np.flatnonzero((labels == np.arange(len(labels))) & ~self.short)
        packed = np.zeros(0, dtype=np.int64)
        for band in range(self.keys.shape[1]):
            fresh = [later * len(labels) + earlier for earlier, later in _neighbours(self.keys[chosen, band], chosen)]
            packed = np.unique(np.concatenate([packed, *fresh]))
        return np.stack([packed % len(labels), packed // len(labels)], axis=1)


def _neighbours(
    keys: UInt[NDArray[np.uint64], " sequence"], indices: Int[NDArray[np.int64], " sequence"]
) -> Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of equal keys, each index with the nearest earlier ones of its bucket."""
    order = np.argsort(keys, kind="stable")
    keys, indices = keys[order], indices[order]
    for distance in range(1, min(NEIGHBOURS, len(keys) - 1) + 1):
        same = keys[distance:] == keys[:-distance]
        if not same.any():
            return
        yield indices[:-distance][same], indices[distance:][same]


def _sketch(corpus: Sequences, rows: int, progress: ProgressCallback) -> _Sketches:
    bands, count = PERMUTATIONS // rows, len(corpus)
    mixers = np.random.default_rng(SEED).integers(0, 1 << 63, rows, dtype=np.uint64) * 2 + 1
    empty = MinHash(num_perm=PERMUTATIONS, seed=SEED, hashfunc=zlib.crc32, scheme="affine32")
    digests = np.zeros((count, 2), dtype=np.uint64)
    keys = np.zeros((count, bands), dtype=np.uint64)
    short = np.zeros(count, dtype=np.bool_)
    progress(Progress("hashing sequences", 0, count))
    for index, sequence in enumerate(corpus):
        data = token_array(index, sequence.ids).tobytes()
        digests[index] = np.frombuffer(hashlib.blake2b(data, digest_size=DIGEST).digest(), dtype=np.uint64)
        grams = _grams(data)
        short[index] = not grams
        signature = empty.copy()
        signature.update_batch(grams)
        keys[index] = (signature.hashvalues[: bands * rows].reshape(bands, rows) * mixers).sum(axis=1)
        if (index + 1) % PROGRESS_EVERY == 0:
            progress(Progress("hashing sequences", index + 1, count))
    progress(Progress("hashing sequences", count, count))
    return _Sketches(digests, keys, short)


def _grams(data: bytes) -> set[bytes]:
    """The distinct token 5-grams of ids packed as bytes."""
    return {data[at : at + SHINGLE * ITEM] for at in range(0, len(data) - SHINGLE * ITEM + 1, ITEM)}


def _join_alike(
    groups: "_Groups",
    corpus: Sequences,
    pairs: Int[NDArray[np.int64], "pair 2"],
    similarity: float,
    progress: ProgressCallback,
) -> None:
    """Compare the candidates exactly in one pass, holding a sequence only until its last later candidate."""
    partners, last = defaultdict[int, list[int]](list), dict[int, int]()
    for earlier, later in pairs.tolist():
        partners[later].append(earlier)
        last[earlier] = later
    if not last:
        return
    held: dict[int, bytes] = {}
    count, end = len(corpus), max(partners)
    progress(Progress("comparing duplicates", 0, count))
    for index, sequence in enumerate(corpus):
        if index in last or index in partners:
            data = token_array(index, sequence.ids).tobytes()
            grams = _grams(data)
            for earlier in partners.pop(index, ()):
                if not groups.joined(earlier, index) and _jaccard(_grams(held[earlier]), grams) >= similarity:
                    groups.join(earlier, index)
                if last[earlier] == index:
                    del held[earlier]
            if index in last:
                held[index] = data
        if (index + 1) % PROGRESS_EVERY == 0:
            progress(Progress("comparing duplicates", index + 1, count))
        if index == end:
            break
    progress(Progress("comparing duplicates", count, count))


def _jaccard(one: set[bytes], other: set[bytes]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


class _Groups:
    """Disjoint groups of indices, each named by its smallest."""

    def __init__(self, labels: Int[NDArray[np.int64], " sequence"]) -> None:
        self._above = labels.tolist()

    def _root(self, index: int) -> int:
        while self._above[index] != index:
            self._above[index] = index = self._above[self._above[index]]
        return index

    def joined(self, one: int, other: int) -> bool:
        """Whether both are in one group."""
        return self._root(one) == self._root(other)

    def join(self, one: int, other: int) -> None:
        """Make one group of two."""
        low, high = sorted((self._root(one), self._root(other)))
        self._above[high] = low

    @property
    def labels(self) -> Int[NDArray[np.int64], " sequence"]:
        """The smallest index of each one's group."""
        return np.array([self._root(index) for index in range(len(self._above))], dtype=np.int64)
