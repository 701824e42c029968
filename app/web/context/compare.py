"""Runs side by side."""

from dataclasses import dataclass, field

from app.services.shapes import Agreement, ComparedRun, Comparison, QueryView
from app.services.units import Unit
from app.web.charts import DepthChart, Link, ScatterChart
from app.web.context.listed import Carried, ListRow
from app.web.context.query import ProfileView
from app.web.context.shell import Tab
from app.web.context.take import TakeView
from app.web.tokens import Piece


@dataclass(frozen=True)
class ComparePage:
    """`/compare`: columns of runs joined by sequence or by document; without two runs, a chooser.

    chosen: the run that the chooser begins with.
    """

    chooser: tuple[QueryView, ...]
    chosen: str = ""
    take: TakeView | None = None
    comparison: Comparison | None = None
    tabs: tuple[Tab, ...] = ()
    columns: tuple["Column", ...] = ()
    adds: tuple["SideGroup", ...] = ()
    carried: tuple[Carried, ...] = ()
    joined: tuple["JoinedRow", ...] = ()
    same: "SameText | None" = None
    pairs: tuple["Pair", ...] = ()
    held: "Held | None" = None
    same_question: bool = True
    same_scope: bool = True
    raw: tuple[str, ...] = ()
    show: int = 10
    shows: tuple[Tab, ...] = ()
    csv: str = ""
    json: str = ""

    @property
    def depths(self) -> tuple[int, ...]:
        """How deep any two lists are held against each other."""
        return tuple(sorted({one.first for pair in self.pairs for one in pair.agreement.overlaps}))


@dataclass(frozen=True)
class SideOption:
    """A run that can stand in a column."""

    run: str
    name: str
    current: bool


@dataclass(frozen=True)
class SideGroup:
    """Runs that can stand in a column, under what they have in common."""

    name: str
    options: tuple[SideOption, ...]


@dataclass(frozen=True)
class Column:
    """One run's list in a comparison, and the curves to the column at its right.

    name: what tells it from the others. sides: what could stand in its place; without: the comparison without it.
    keys: the joined sequence that each of its sequences is part of. again: the form that asks it otherwise.
    """

    run: ComparedRun
    name: str
    unit: Unit
    url: str
    again: str
    rows: tuple[ListRow, ...]
    profile: ProfileView
    depth: DepthChart
    sides: tuple[SideGroup, ...] = ()
    without: str | None = None
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
class HeldRow:
    """A sequence of a pair's lists: its ranks where it is kept, and the page on which it is read."""

    key: int
    url: str
    text: str
    ranks: tuple[int | None, int | None]


@dataclass(frozen=True)
class HeldList:
    """The first of those that only one, or both, of two runs keep; `total` is how many there are."""

    name: str
    rows: tuple[HeldRow, ...]
    total: int


@dataclass(frozen=True)
class Held:
    """What two of the runs keep: only the one, both, only the other; and how those in both are ordered.

    pairs: the pairs to choose from. axes: what the chart places sequences by. units: of its two axes.
    """

    left: str
    right: str
    lists: tuple[HeldList, HeldList, HeldList]
    chart: ScatterChart
    by: str
    axes: tuple[Tab, ...]
    pairs: tuple[Tab, ...]
    units: tuple[str, str]


@dataclass(frozen=True)
class PlacedPiece:
    """A token with the characters [start, stop) of the document that it stands for; no document between two."""

    piece: Piece
    document: str | None
    start: int
    stop: int


@dataclass(frozen=True)
class SameColumn:
    """A joined sequence under one run, called `name`; without rank where that run does not keep it."""

    run: ComparedRun
    name: str
    rank: int | None
    value: float | None
    url: str | None
    pieces: tuple[PlacedPiece, ...]
    unit: Unit

    @property
    def document(self) -> str | None:
        """The document of its first token, and mostly of them all."""
        return next((one.document for one in self.pieces if one.document is not None), None)


@dataclass(frozen=True)
class SameText:
    """A joined sequence in full under every run."""

    key: int
    document: str
    columns: tuple[SameColumn, ...]


@dataclass(frozen=True)
class Pair:
    """How far two runs' lists agree, by the runs' names."""

    left: str
    right: str
    agreement: Agreement
