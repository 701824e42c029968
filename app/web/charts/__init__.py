"""Charts as plain geometry: numbers in, rectangles and paths out; the templates only write them down as SVG."""

from app.web.charts.bars import Bar, Chart, profile, sparkline
from app.web.charts.depth import DepthChart, depth
from app.web.charts.histogram import DECADES, HistogramChart, Slot, Tick, histogram
from app.web.charts.links import Link, links
from app.web.charts.loglog import Curve, CurveChart, Point, ccdf, share_of_heaviest, shares
from app.web.charts.matrix import MatrixChart, MatrixRow, Tint, fitted, matrix
from app.web.charts.scatter import Both, Dot, ScatterChart, by_influence, by_rank

__all__ = [
    "DECADES",
    "Bar",
    "Both",
    "Chart",
    "Curve",
    "CurveChart",
    "DepthChart",
    "Dot",
    "HistogramChart",
    "Link",
    "MatrixChart",
    "MatrixRow",
    "Point",
    "ScatterChart",
    "Slot",
    "Tick",
    "Tint",
    "by_influence",
    "by_rank",
    "ccdf",
    "depth",
    "fitted",
    "histogram",
    "links",
    "matrix",
    "profile",
    "share_of_heaviest",
    "shares",
    "sparkline",
]
