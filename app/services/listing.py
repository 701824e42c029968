"""Which of a run's kept sequences are listed, in which order, and which are folded under another."""

import re
from collections import Counter
from collections.abc import Sequence as Many
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Influence
from app.services.errors import InvalidInput
from app.services.shapes import ListChoice, Sign

LONGEST_FIND = 200
SPURIOUS = "spurious"


@dataclass(frozen=True)
class Kept:
    """A kept sequence, as much of it as lists are chosen by; text and token only where the choice asks about them."""

    rank: int
    sequence_id: int
    influence: float
    document: str
    kind: str | None
    flags: list[str]
    duplicate_of: int | None
    overlap: float | None
    text: str = ""
    token: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))


@dataclass(frozen=True)
class Listed:
    """A listed sequence, and those that are folded under it."""

    row: Kept
    repeats: tuple[Kept, ...] = ()


@dataclass(frozen=True)
class Listing:
    """What a choice leaves of a list, in its order; `kept` is how long the whole list is."""

    kept: int
    kinds: dict[str, int]
    listed: list[Listed] = field(default_factory=list)

    @property
    def folded(self) -> int:
        """How many sequences are folded under others."""
        return sum(len(one.repeats) for one in self.listed)


def listing(session: Session, run_id: str, sign: Sign, choice: ListChoice) -> Listing:
    """The list of one sign as chosen. InvalidInput for a search that is too long."""
    pattern = sought(choice.find)
    rows = _rows(session, run_id, sign, choice)
    kept = [row for row in rows if _stays(row, choice, pattern)]
    kinds = Counter(row.kind for row in rows if row.kind)
    return Listing(len(rows), dict(kinds.most_common()), _ordered(_folded(kept, choice), choice))


def sought(text: str) -> re.Pattern[str] | None:
    """What finds a text whatever its capitals, and with any white space where it has some; None for no text."""
    words = text.split()
    if len(text) > LONGEST_FIND:
        raise InvalidInput(
            f"The text to find has {len(text)} characters; {LONGEST_FIND} are the most.",
            "Give a shorter phrase of it.",
            field="find",
        )
    return re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE) if words else None


def concentration(token: NDArray[np.floating]) -> float:
    """The two-norm over the one-norm of token influences: 1 where one token carries all, 0 where nothing is there."""
    values = token.astype(np.float64)
    total = float(np.abs(values).sum())
    return float(np.linalg.norm(values)) / total if total > 0 else 0.0


def _rows(session: Session, run_id: str, sign: Sign, choice: ListChoice) -> list[Kept]:
    """The whole list by rank."""
    names = ["rank", "sequence_id", "influence", "document", "kind", "flags", "duplicate_of", "overlap"]
    names += ["text"] if choice.find else []
    names += ["token"] if choice.sort in ("concentration", "length") else []
    chosen = select(*(getattr(Influence, name) for name in names))
    listed = chosen.where(Influence.run_id == run_id, Influence.sign == sign).order_by(Influence.rank)
    return [Kept(**dict(zip(names, row, strict=True))) for row in session.execute(listed)]


def _stays(row: Kept, choice: ListChoice, pattern: re.Pattern[str] | None) -> bool:
    if choice.hide == SPURIOUS and SPURIOUS in row.flags:
        return False
    if choice.kind and row.kind != choice.kind:
        return False
    return pattern is None or pattern.search(row.text) is not None


def _folded(rows: Many[Kept], choice: ListChoice) -> list[Listed]:
    """Each by itself, or duplicates under the heaviest of them that is there."""
    if choice.group is None:
        return [Listed(row) for row in rows]
    groups: dict[int, list[Kept]] = {}
    for row in rows:
        groups.setdefault(row.duplicate_of or row.rank, []).append(row)
    return [Listed(first, tuple(others)) for first, *others in groups.values()]


def _ordered(found: list[Listed], choice: ListChoice) -> list[Listed]:
    """In the order chosen; those alike by rank. What a sequence lacks puts it last, either way round."""
    if choice.sort == "influence":
        return found[::-1] if choice.reverse else found
    if choice.sort == "document":
        return sorted(found, key=lambda one: _natural(one.row.document), reverse=choice.reverse)
    known = [one for one in found if choice.sort != "overlap" or one.row.overlap is not None]
    lacking = [one for one in found if choice.sort == "overlap" and one.row.overlap is None]
    return sorted(known, key=lambda one: _measure(one.row, choice), reverse=not choice.reverse) + lacking


def _measure(row: Kept, choice: ListChoice) -> float:
    match choice.sort:
        case "overlap":
            return row.overlap or 0.0
        case "length":
            return float(len(row.token))
        case _:
            return concentration(row.token)


def _natural(name: str) -> list[tuple[int, str]]:
    """A name's parts, so that document 9 stands before document 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in re.split(r"(\d+)", name)]
