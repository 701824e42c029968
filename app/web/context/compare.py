"""Runs side by side."""

from dataclasses import dataclass, field

from app.services.shapes import Agreement, ComparedRun, Comparison, QueryView
from app.services.units import Unit
from app.web.charts import Link
from app.web.context.query import ListRow, ProfileView
from app.web.context.shell import Tab
from app.web.tokens import Piece


@dataclass(frozen=True)
class ComparePage:
    """`/compare`: columns of runs joined by sequence or by document; without runs, a chooser."""

    chooser: tuple[QueryView, ...]
    comparison: Comparison | None = None
    tabs: tuple[Tab, ...] = ()
    columns: tuple["Column", ...] = ()
    joined: tuple["JoinedRow", ...] = ()
    same: "SameText | None" = None
    pairs: tuple["Pair", ...] = ()
    same_question: bool = True
    same_scope: bool = True
    raw: tuple[str, ...] = ()
    show: int = 10
    shows: tuple[Tab, ...] = ()
    csv: str = ""
    json: str = ""


@dataclass(frozen=True)
class Column:
    """One run's list in a comparison, and the curves to the column at its right.

    keys: the joined sequence that each of its sequences is part of.
    """

    run: ComparedRun
    unit: Unit
    url: str
    rows: tuple[ListRow, ...]
    profile: ProfileView
    links: tuple[Link, ...] = ()
    height: float = 0.0
    elsewhere: dict[int, str] = field(default_factory=dict)
    keys: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class JoinedRow:
    """A sequence with its rank and score under every run; `url` leads to it in full under each."""

    key: int
    url: str
    document: str
    kind: str | None
    text: str
    places: tuple[tuple[int, float, str] | None, ...]


@dataclass(frozen=True)
class PlacedPiece:
    """A token with the characters [start, stop) of the document that it stands for; no document between two."""

    piece: Piece
    document: str | None
    start: int
    stop: int


@dataclass(frozen=True)
class SameColumn:
    """A joined sequence under one run; without rank where that run does not keep it."""

    run: ComparedRun
    rank: int | None
    value: float | None
    url: str | None
    pieces: tuple[PlacedPiece, ...]
    unit: Unit


@dataclass(frozen=True)
class SameText:
    """A joined sequence in full under every run."""

    key: int
    document: str
    columns: tuple[SameColumn, ...]


@dataclass(frozen=True)
class Pair:
    """How far two runs' lists agree, by the models' names."""

    left: str
    right: str
    agreement: Agreement
