"""The views of how influence is spread: over all scores, and over the layers of the network."""

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy.orm import Session

from app.services import layers, tail, units
from app.services.shapes import Distribution, RunDetail, Sign, SignLayers, TailFit
from app.services.units import Unit
from app.web import charts, telling, words
from app.web.charts import CurveChart
from app.web.choices import Choices
from app.web.context import DistributionView, HeaviestRow, LayersTab, SignLayersView, SignTail, SizeRow
from app.web.views import Look, address, sequence_url

# So many sequences are drawn by layer; the sums are over all that are asked for.
MOST_ROWS = 50
PARTS = (0.001, 0.01, 0.1)
HEAVIEST = (1, 10, 100, 1_000)


def distribution_view(detail: RunDetail, unit: Unit) -> DistributionView | None:
    """All scores of a run with the tails of both signs; None where those scored are no sample of the corpus."""
    found = detail.distribution
    if found is None:
        return None
    shares = charts.shares(found)
    curves = charts.ccdf(found)
    return DistributionView(
        distribution=found,
        unit=unit,
        histogram=charts.histogram(found.histogram, width=860, height=210),
        tails=(
            _tail("positive", found, found.tail_positive, found.top_percent_share_positive),
            _tail("negative", found, found.tail_negative, found.top_percent_share_negative),
        ),
        ccdf=curves,
        shares=shares,
        sizes=tuple(_sizes(curves)) if curves else (),
        heaviest=tuple(_heaviest(shares, found.sequences)) if shares else (),
    )


def _tail(sign: Sign, found: Distribution, fit: TailFit | None, share: float | None) -> SignTail:
    edges, counts = np.array(found.histogram.edges), np.array(found.histogram.counts, dtype=np.int64)
    scores = int(tail.magnitudes(edges, counts, sign)[1].sum())
    return SignTail(
        sign=sign,
        scores=scores,
        fit=fit,
        told=telling.law(fit, sign, scores),
        chance=telling.probability(fit) if fit else "",
        weight=telling.weight(fit, sign) if fit else "",
        others=telling.others(fit, sign) if fit else "",
        share=share,
    )


def _sizes(chart: CurveChart) -> Iterator[SizeRow]:
    """The numbers of the curves, at each size that either has."""
    counts = {curve.sign: {point.size: point.count for point in curve.points} for curve in chart.curves}
    held = dict.fromkeys(("positive", "negative"), 0)
    rows = []
    for size in sorted({size for found in counts.values() for size in found}, reverse=True):
        for sign, found in counts.items():
            held[sign] = found.get(size, held[sign])
        rows.append(SizeRow(size, held["positive"], held["negative"]))
    return reversed(rows)


def _heaviest(chart: CurveChart, sequences: int) -> Iterator[HeaviestRow]:
    """What the heaviest one, ten, hundred ... and thousandth, hundredth, tenth of all sequences hold."""
    counts = {count for count in HEAVIEST if count <= sequences} | {
        round(part * sequences) for part in PARTS if part * sequences >= 1
    }
    for count in sorted(counts):
        held = (charts.share_of_heaviest(chart, sign, count) for sign in ("positive", "negative"))
        yield HeaviestRow(count, count / sequences, *held)


def layers_tab(session: Session, run_id: str, choices: Choices, training_sequences: int | None) -> LayersTab:
    """The heaviest sequences of both signs by layer."""
    first = None if choices.first == "all" else int(choices.first)
    found, unit = layers.layers(session, run_id, first), units.unit(training_sequences)
    return LayersTab(
        layers=found,
        names=tuple(words.layer(name) for name in found.layers),
        unit=unit,
        signs=tuple(_sign_layers(one, found.layers, unit, run_id, choices) for one in (found.positive, found.negative)),
        firsts=choices.firsts(),
        colours=choices.colours(),
        most=MOST_ROWS,
        json=address(f"/api/v1/runs/{run_id}/layers", first=first),
    )


def _sign_layers(view: SignLayers, names: Sequence[str], unit: Unit, run_id: str, choices: Choices) -> SignLayersView:
    look = Look(palette=choices.palette)
    return SignLayersView(
        view=view,
        chart=charts.matrix(view, names, MOST_ROWS, by_list=choices.colour == "list"),
        urls=tuple(sequence_url(choices.query_id, row.sequence_id, run_id, look) for row in view.rows[:MOST_ROWS]),
        told=telling.where(view, unit),
        stretches=tuple(telling.stretch(third.layers) for third in view.thirds),
    )
