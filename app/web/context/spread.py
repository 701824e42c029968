"""How influence is spread: over all scores, and over the layers of the network."""

from dataclasses import dataclass

from app.services.shapes import Distribution, LayersView, Sign, SignLayers, TailFit
from app.services.units import Unit
from app.web.charts import CurveChart, HistogramChart, MatrixChart
from app.web.context.shell import Tab


@dataclass(frozen=True)
class SizeRow:
    """A row of the table under a chart of tails: how many scores of each sign are at least so large."""

    size: float
    positive: int
    negative: int


@dataclass(frozen=True)
class HeaviestRow:
    """A row of the table of shares: what so many of the heaviest sequences of each sign hold; None without any."""

    count: int
    part: float
    positive: float | None
    negative: float | None


@dataclass(frozen=True)
class SignTail:
    """The tail of one sign: its fit, what that and other laws say, and what the heaviest hundredth of all holds."""

    sign: Sign
    scores: int
    fit: TailFit | None
    told: str
    chance: str
    weight: str
    others: str
    share: float | None


@dataclass(frozen=True)
class DistributionView:
    """All scores of a run: how they are spread, and what their tails are like."""

    distribution: Distribution
    unit: Unit
    histogram: HistogramChart
    tails: tuple[SignTail, ...]
    ccdf: CurveChart | None
    shares: CurveChart | None
    sizes: tuple[SizeRow, ...]
    heaviest: tuple[HeaviestRow, ...]


@dataclass(frozen=True)
class SignLayersView:
    """The heaviest sequences of one sign by layer: the chart, its rows' addresses, and what it says."""

    view: SignLayers
    chart: MatrixChart
    urls: tuple[str, ...]
    told: str
    stretches: tuple[str, ...]


@dataclass(frozen=True)
class LayersTab:
    """Where in the network the heaviest sequences of both signs act."""

    layers: LayersView
    names: tuple[str, ...]
    unit: Unit
    signs: tuple[SignLayersView, ...]
    firsts: tuple[Tab, ...]
    colours: tuple[Tab, ...]
    most: int
    json: str
