"""What the words of a corpus tell: its lexical index and its groups of duplicates, made once and kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.database import writing
from app.models import TokenizedCorpus
from app.worker.arrow import bytes_of
from app.worker.leases import Leases
from app.worker.loaded import Loaded
from app.worker.progress import Report, renamed
from app.worker.tokens import Cut, TokenSequences
from engine import CorpusError, LexicalIndex, Progress, duplicate_groups
from engine.atomic import whole_file

INDEXING = "indexing"


@dataclass(frozen=True)
class Wording:
    """One worker's way to the lexical index and the duplicates of tokenised corpora."""

    home: Path
    leases: Leases
    loaded: Loaded

    def index(self, cut: Cut, sequences: TokenSequences, report: Report) -> LexicalIndex:
        """The lexical index, made now if nobody has, or if what is there is damaged."""
        folder = self.home / "lexical" / f"{cut.corpus}-{_name(cut)}"

        def make() -> LexicalIndex:
            made = LexicalIndex.build(folder, sequences, renamed(INDEXING, report))
            self._note(cut, lexical_path=str(folder.relative_to(self.home)), lexical_bytes=bytes_of(folder))
            return made

        return self.leases.once(
            TokenizedCorpus, cut.id, lambda: self._opened(folder, cut), make, _waiting(report, len(sequences))
        )

    def _opened(self, folder: Path, cut: Cut) -> LexicalIndex | None:
        """The index of these sequences, or of more that were put behind them since. Otherwise it is made again."""
        try:
            found = self.loaded.lexical(folder)
        except CorpusError:
            return None
        return found if found.fingerprint in {cut.fingerprint, *cut.later} else None

    def groups(self, cut: Cut, sequences: TokenSequences, report: Report) -> NDArray[np.int64]:
        """For each sequence the first one of its group of duplicates, found now if nobody has."""
        file = self.home / "corpora" / cut.corpus / "duplicates" / f"{_name(cut)}.npy"

        def make() -> NDArray[np.int64]:
            groups = duplicate_groups(sequences, progress=renamed(INDEXING, report))
            _save(file, groups)
            repeated = int(np.count_nonzero(groups != np.arange(len(groups))))
            self._note(cut, duplicates_path=str(file.relative_to(self.home)), duplicates=repeated)
            return groups

        return self.leases.once(
            TokenizedCorpus, cut.id, lambda: _read(file, cut), make, _waiting(report, len(sequences))
        )

    def _note(self, cut: Cut, **found: str | int) -> None:
        with writing(self.leases.sessions) as session:
            row = session.get_one(TokenizedCorpus, cut.id)
            for name, value in found.items():
                setattr(row, name, value)


def _name(cut: Cut) -> str:
    return f"{cut.tokenizer_fingerprint[:16]}-{cut.length}"


def _waiting(report: Report, sequences: int) -> Callable[[], None]:
    return lambda: report(Progress(INDEXING, 0, sequences))


def _save(file: Path, groups: NDArray[np.int64]) -> None:
    """Write them; the file is there whole or not at all."""
    with whole_file(file) as part:
        np.save(part, groups)


def _read(file: Path, cut: Cut) -> NDArray[np.int64] | None:
    """What `_save` wrote, memory-mapped; None when it is missing, damaged, or of fewer sequences than there are.

    A group is named by its first sequence, so the beginning of the groups of a corpus that grew stands by itself.
    """
    try:
        groups: NDArray[np.int64] = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    whole = groups.ndim == 1 and (len(groups) == cut.sequences or (len(groups) > cut.sequences and bool(cut.later)))
    return groups[: cut.sequences] if whole else None
