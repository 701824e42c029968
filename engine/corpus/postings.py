"""Which sequences hold a token: an inverted index on disk, cut in segments, written whole or not at all."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Int, UInt
from numpy.typing import NDArray

from engine.atomic import whole_folder
from engine.corpus.batches import Sequences
from engine.corpus.token_array import token_array
from engine.errors import CorpusError
from engine.terms import Progress, ProgressCallback

KIND = "lexical index"
VERSION = 1
MANIFEST = "manifest.json"

# A place within a segment then fits 16 bits, which halves the file.
SEGMENT_SEQUENCES = 1 << 16
# Bounds the memory of a build: some 30 bytes a token while a segment is sorted, 250 MB in all.
SEGMENT_TOKENS = 1 << 23
PROGRESS_EVERY = 4096

# The sections of the folder, each one array after the other of all segments.
SECTIONS: dict[str, np.dtype[Any]] = {"tokens": np.dtype("<i4"), "starts": np.dtype("<u4"), "places": np.dtype("<u2")}


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a segment is: sequences, distinct tokens, and (token, sequence) pairs."""

    sequences: int
    tokens: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Segment:
    """The inverted index of consecutive sequences, of which the first has index `first` in the corpus.

    tokens: the distinct tokens, ascending. starts: token k is held by places[starts[k] : starts[k + 1]], ascending.
    """

    first: int
    sequences: int
    tokens: Int[NDArray[np.int32], " token"]
    starts: UInt[NDArray[np.uint32], " token_and_one"]
    places: UInt[NDArray[np.uint16], " pair"]

    def holding(self, token: int) -> UInt[NDArray[np.uint16], " held"]:
        """The places in the segment of the sequences that hold a token."""
        k = int(np.searchsorted(self.tokens, token))
        if k == len(self.tokens) or self.tokens[k] != token:
            return self.places[:0]
        return self.places[self.starts[k] : self.starts[k + 1]]

    @property
    def extent(self) -> Extent:
        """Its size."""
        return Extent(self.sequences, len(self.tokens), len(self.places))


class Postings:
    """An inverted index on disk, memory-mapped: a query reads the places of its own tokens only.

    fingerprint: SHA-256 over every sequence's length and ids, as little-endian 32-bit integers.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], extents: tuple[Extent, ...]) -> None:
        self._extents = extents
        self._sections = {
            name: np.asarray(np.memmap(folder / f"{name}.bin", dtype=dtype, mode="r"))
            for name, dtype in SECTIONS.items()
        }
        self.sequences = sum(extent.sequences for extent in extents)
        self.fingerprint = str(manifest["fingerprint"])
        self.bytes = sum(section.nbytes for section in self._sections.values())

    @classmethod
    def build(cls, folder: Path, sequences: Sequences, progress: ProgressCallback) -> "Postings":
        """Write the index in one pass, in memory that does not grow with the corpus.

        Raises: CorpusError for a token id that is negative or needs more than 31 bits.
        """
        digest = hashlib.sha256()
        extents = []
        with whole_folder(folder) as part:
            with _sections_to_write(part) as files:
                for segment in _segments(sequences, digest, progress):
                    extents.append(segment.extent)
                    for name, file in files.items():
                        getattr(segment, name).tofile(file)
            manifest = {
                "kind": KIND,
                "version": VERSION,
                "sequences": sum(extent.sequences for extent in extents),
                "fingerprint": digest.hexdigest(),
                "segments": [asdict(extent) for extent in extents],
            }
            (part / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "Postings":
        """The index in a folder that `build` wrote.

        Raises: CorpusError when the folder is missing, of another kind or version, or cut short.
        """
        manifest = _read_manifest(folder)
        try:
            extents = tuple(Extent(**row) for row in manifest["segments"])
            _check_sizes(folder, extents)
            return cls(folder, manifest, extents)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise _damaged(folder, f"{type(error).__name__}: {error}") from error

    def __iter__(self) -> Iterator[Segment]:
        """The segments in the order of the corpus."""
        first = token = pair = 0
        for number, extent in enumerate(self._extents):
            start = token + number  # every segment has one more start than tokens
            yield Segment(
                first,
                extent.sequences,
                self._sections["tokens"][token : token + extent.tokens],
                self._sections["starts"][start : start + extent.tokens + 1],
                self._sections["places"][pair : pair + extent.pairs],
            )
            first, token, pair = first + extent.sequences, token + extent.tokens, pair + extent.pairs


def _segments(sequences: Sequences, digest: "hashlib._Hash", progress: ProgressCallback) -> Iterator[Segment]:
    """The corpus in segments of bounded size, hashing it on the way."""
    total, first, tokens = len(sequences), 0, 0
    window: list[NDArray[np.int32]] = []
    progress(Progress("indexing words", 0, total))
    for index, sequence in enumerate(sequences):
        ids = token_array(index, sequence.ids)
        digest.update(len(ids).to_bytes(4, "little") + ids.tobytes())
        if window and (len(window) == SEGMENT_SEQUENCES or tokens + len(ids) > SEGMENT_TOKENS):
            yield _inverted(first, window)
            first, tokens = index, 0
            window.clear()
        window.append(ids)
        tokens += len(ids)
        if (index + 1) % PROGRESS_EVERY == 0:
            progress(Progress("indexing words", index + 1, total))
    yield _inverted(first, window)
    progress(Progress("indexing words", total, total))


def _inverted(first: int, window: list[NDArray[np.int32]]) -> Segment:
    """Sort (token, place) pairs, packed in one integer each, and drop repeats."""
    lengths = np.array([len(ids) for ids in window])
    keys = np.concatenate(window).astype(np.int64)
    keys <<= 16
    keys |= np.repeat(np.arange(len(window)), lengths)
    keys.sort()
    keys = keys[np.append(True, keys[1:] != keys[:-1])]
    held = keys >> 16
    starts = np.flatnonzero(np.append(True, held[1:] != held[:-1]))
    return Segment(
        first,
        len(window),
        held[starts].astype(SECTIONS["tokens"]),
        np.append(starts, len(keys)).astype(SECTIONS["starts"]),
        (keys & 0xFFFF).astype(SECTIONS["places"]),
    )


@contextmanager
def _sections_to_write(part: Path) -> Iterator[dict[str, IO[bytes]]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context((part / f"{name}.bin").open("wb")) for name in SECTIONS}


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, str(error)) from error
    found = (manifest.get("kind"), manifest.get("version")) if isinstance(manifest, dict) else (None, None)
    if found != (KIND, VERSION):
        raise _damaged(folder, f"its manifest says {found[0]!r}, version {found[1]!r}, not {KIND!r}, {VERSION}")
    return dict(manifest)


def _check_sizes(folder: Path, extents: tuple[Extent, ...]) -> None:
    entries = {
        "tokens": sum(extent.tokens for extent in extents),
        "starts": sum(extent.tokens + 1 for extent in extents),
        "places": sum(extent.pairs for extent in extents),
    }
    for name, count in entries.items():
        written, found = count * SECTIONS[name].itemsize, (folder / f"{name}.bin").stat().st_size
        if found != written:
            raise _damaged(folder, f"{name}.bin has {found} bytes where {written} were written")


def _damaged(folder: Path, problem: str) -> CorpusError:
    return CorpusError(f"{folder} holds no whole {KIND}: {problem}.", "Delete the folder and make the index again.")
