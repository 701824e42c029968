"""Runs side by side."""

from dataclasses import dataclass
from typing import Literal

from app.services.shapes import Agreement, ComparedRun, Comparison, QueryView
from app.services.units import Unit
from app.web.charts import DepthChart, Link, ScatterChart
from app.web.context.listed import Carried, ListRow
from app.web.context.query import ProfileView
from app.web.context.shell import Tab
from app.web.context.take import TakeView
from app.web.tokens import Piece

CompareView = Literal["lists", "agreement", "layers", "text", "table"]


@dataclass(frozen=True)
class ComparePage:
    """`/compare`: runs joined by sequence or by document, under one of five views; without two runs, a chooser.

    chosen: the run that the chooser begins with. asks: the questions, one or more. first: how many sequences of each
    list the view shows, a number or "all", of the choices in `shows`. Of `columns`, `held`, `profiles`, `same` and
    `joined` there is what the view shows.
    """

    chooser: tuple[QueryView, ...]
    chosen: str = ""
    take: TakeView | None = None
    comparison: Comparison | None = None
    view: CompareView = "lists"
    tabs: tuple[Tab, ...] = ()
    signs: tuple[Tab, ...] = ()
    sides: tuple["SideView", ...] = ()
    adds: tuple["SideGroup", ...] = ()
    carried: tuple[Carried, ...] = ()
    asks: tuple["Ask", ...] = ()
    raw: tuple[str, ...] = ()
    pairs: tuple["Pair", ...] = ()
    shows: tuple[Tab, ...] = ()
    first: str | None = None
    columns: tuple["Column", ...] = ()
    held: "Held | None" = None
    profiles: tuple["SideLayers", ...] = ()
    same: "SameText | None" = None
    joined: tuple["JoinedRow", ...] = ()

    @property
    def depths(self) -> tuple[int, ...]:
        """How deep any two lists are held against each other."""
        return tuple(sorted({one.first for pair in self.pairs for one in pair.agreement.overlaps}))


@dataclass(frozen=True)
class Ask:
    """A question that some of the runs answer: its first run, and the letters of all their columns."""

    run: ComparedRun
    letters: tuple[str, ...]


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
class SideView:
    """What stands in a column, under every view.

    name: what tells it from the others; short: its letter, where columns have letters, else the name. options: what
    could stand in its place; without: the comparison without it. again: the form that asks it otherwise.
    """

    run: ComparedRun
    name: str
    short: str
    unit: Unit
    url: str
    again: str
    options: tuple[SideGroup, ...]
    without: str | None


@dataclass(frozen=True)
class Column:
    """One run's list, and the curves to the column at its right.

    keys: the joined sequence that each of its sequences is part of. elsewhere: where the others have it, in words.
    """

    side: SideView
    rows: tuple[ListRow, ...]
    links: tuple[Link, ...]
    height: float
    elsewhere: dict[int, str]
    keys: dict[int, int]


@dataclass(frozen=True)
class SideLayers:
    """Where in its network a run's list acts."""

    side: SideView
    profile: ProfileView
    depth: DepthChart


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

    pairs: the pairs to choose from. axes: what the chart places sequences by. units: of its two axes. table: where all
    sequences stand with their numbers.
    """

    left: str
    right: str
    lists: tuple[HeldList, HeldList, HeldList]
    chart: ScatterChart
    by: str
    axes: tuple[Tab, ...]
    pairs: tuple[Tab, ...]
    units: tuple[str, str]
    table: str


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

    side: SideView
    rank: int | None
    value: float | None
    url: str | None
    pieces: tuple[PlacedPiece, ...]

    @property
    def document(self) -> str | None:
        """The document of its first token, and mostly of them all."""
        return next((one.document for one in self.pieces if one.document is not None), None)


@dataclass(frozen=True)
class SameText:
    """A joined sequence in full under every run; `number` is its place among the `of` joined, counted from one."""

    number: int
    of: int
    document: str
    columns: tuple[SameColumn, ...]
    previous: str | None
    next: str | None


@dataclass(frozen=True)
class Pair:
    """How far two runs' lists agree, by the runs' names; `short` names both."""

    left: str
    right: str
    short: str
    agreement: Agreement
