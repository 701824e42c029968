"""A ranked list: its rows, the form above it, and the ways to show it."""

from dataclasses import dataclass

from app.services.shapes import InfluencePage, InfluenceRow
from app.services.units import Unit
from app.web.charts import Chart
from app.web.context.shell import Pager, Tab
from app.web.tokens import Snippet


@dataclass(frozen=True)
class ListRow:
    """A ranked sequence as the list shows it: its score, as `value`, and those of its tokens are told in `unit`.

    document: the address of the page of its document; empty where there is none.
    measure: what the list is ordered by, where that is neither its score nor its document.
    """

    row: InfluenceRow
    url: str
    snippet: Snippet
    bar: float
    spark: Chart
    value: float
    unit: Unit
    document: str = ""
    measure: str = ""


@dataclass(frozen=True)
class Option:
    """A value that a field of a form offers."""

    value: str
    name: str
    chosen: bool


@dataclass(frozen=True)
class Carried:
    """A part of the address that a form takes along unchanged."""

    name: str
    value: str


@dataclass(frozen=True)
class Controls:
    """The form above a list: which sequences, in which order. `told` says what is left out, `everything` undoes it."""

    find: str
    sorts: tuple[Option, ...]
    reverse: bool
    kinds: tuple[Option, ...]
    hide: bool
    group: bool
    carried: tuple[Carried, ...]
    told: tuple[str, ...]
    everything: str
    action: str


@dataclass(frozen=True)
class Looks:
    """The ways to show the same numbers."""

    colours: tuple[Tab, ...]
    readings: tuple[Tab, ...]
    palettes: tuple[Tab, ...]


@dataclass(frozen=True)
class ListView:
    """The ranked list of one sign with its side column; `first` is its first page.

    beyond: what is to be said of values that log p cannot rise by.
    """

    page: InfluencePage
    unit: Unit
    why_raw: str
    rows: tuple[ListRow, ...]
    pager: Pager
    controls: Controls
    looks: Looks
    first: str
    other_sign: str
    csv: str
    parquet: str
    json: str
    beyond: str = ""
