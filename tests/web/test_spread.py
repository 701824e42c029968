"""The distribution and the layers of a run as pages show them, against the numbers of the API."""

import re
from html import unescape

import numpy as np
import pytest

from app.services import tail
from app.services.shapes import Distribution, RunDetail, SignLayers, TailAlternative, TailFit
from app.services.units import RAW
from app.web import charts, telling
from engine.maths.summary import EDGES, Summary
from tests.web.conftest import Site
from tests.web.test_lists import page, text_of


def detail(site: Site, name: str, model: str) -> RunDetail:
    """A run as the API tells it."""
    return RunDetail.model_validate(site.client.get(f"/api/v1/runs/{site.runs(name)[model]}").json())


def test_the_distribution_shows_every_score_once(site: Site) -> None:
    html = page(site, f"/queries/{site.ids['fact']}?view=distribution")
    figure = html[html.index('data-chart="histogram"') : html.index("</figure>")]
    counts = [int(number.replace(",", "")) for number in re.findall(r'<td class="n">([\d,]+)</td></tr>', figure)]
    distribution = detail(site, "fact", "large").distribution
    assert distribution is not None
    assert sum(counts) == sum(distribution.histogram.counts)
    assert figure.count("<rect") == len(counts)


def test_both_tails_are_told_with_the_fit_that_the_api_has(site: Site) -> None:
    distribution = detail(site, "fact", "large").distribution
    assert distribution is not None
    html = page(site, f"/queries/{site.ids['fact']}?view=distribution")
    for sign, fit in (("positive", distribution.tail_positive), ("negative", distribution.tail_negative)):
        assert fit is not None
        found = tail.of_histogram(distribution.histogram, sign)  # type: ignore[arg-type]
        assert found is not None
        assert (fit.alpha, fit.p, fit.verdict) == (found.alpha, found.p, found.verdict)
        assert f"{fit.alpha:.2f} ± {fit.error:.2f}" in html
        assert f"{fit.tail:,} of {fit.scores:,}" in html
        assert telling.law(fit, sign, fit.scores) in unescape(html)  # type: ignore[arg-type]
        assert [(one.law, one.ratio, one.p, one.verdict) for one in fit.alternatives] == [
            (one.law, one.ratio, one.p, one.verdict) for one in found.alternatives
        ]
        assert len(fit.alternatives) == 4
        assert telling.others(fit, sign) in unescape(html)  # type: ignore[arg-type]
    assert len(re.findall(r'<path class="law (?:pos|neg)-line"', html)) == 2


def test_every_figure_holds_one_chart_and_its_numbers(site: Site) -> None:
    for view in ("distribution", "layers"):
        html = page(site, f"/queries/{site.ids['fact']}?view={view}")
        figures = re.findall(r'<figure class="chart" data-chart="([\w-]+)">(.*?)</figure>', html, re.DOTALL)
        assert len({name for name, _ in figures}) == len(figures) >= 2
        for name, body in figures:
            assert len(re.findall(r"<svg viewBox", body)) == 1, name
            assert 'style="' not in body


def test_the_curve_of_a_tail_is_the_share_of_scores_that_are_at_least_as_large(site: Site) -> None:
    distribution = detail(site, "fact", "large").distribution
    assert distribution is not None
    chart = charts.ccdf(distribution)
    assert chart is not None
    edges, counts = np.array(distribution.histogram.edges), np.array(distribution.histogram.counts)
    for curve in chart.curves:
        for point in curve.points:
            sizes = edges[:-1] if curve.sign == "positive" else -edges[1:]
            assert point.count == counts[sizes >= point.size * (1 - 1e-9)].sum()
            assert 0 <= point.x <= chart.width
            assert 0 <= point.y <= chart.height
        assert [point.y for point in curve.points] == sorted(point.y for point in curve.points)


def test_the_share_of_the_heaviest_is_that_of_the_scores_themselves() -> None:
    scores = np.random.default_rng(4).standard_t(2.2, size=5_000)
    summary = Summary.of(scores)
    filled = np.flatnonzero(summary.counts)
    histogram = {
        "edges": EDGES[filled[0] : filled[-1] + 2].tolist(),
        "counts": summary.counts[filled[0] : filled[-1] + 1].tolist(),
    }
    found = Distribution.model_validate(
        {
            "sequences": 5_000,
            "mean": 0.0,
            "standard_deviation": 1.0,
            "quantiles": {},
            "top_percent_share_positive": None,
            "top_percent_share_negative": None,
            "histogram": histogram,
            "tail_positive": None,
            "tail_negative": None,
        }
    )
    chart = charts.shares(found)
    assert chart is not None
    for count in (1, 7, 50, 800):
        for sign, signed in (("positive", scores), ("negative", -scores)):
            sizes = np.sort(signed[signed > 0])[::-1]
            share = charts.share_of_heaviest(chart, sign, count)  # type: ignore[arg-type]
            assert share == pytest.approx(sizes[:count].sum() / sizes.sum(), abs=0.012), (count, sign)


def fit(p: float, many: int = 200, alpha: float = 2.5) -> TailFit:
    """A fit with that p."""
    found = tail.PowerLaw(alpha, 0.1, 0.01, many, 900, 0.05, p)
    return TailFit(**vars(found), verdict=found.verdict, samples=400)


def test_other_laws_are_named_by_whether_they_are_better() -> None:
    def one(law: str, ratio: float, p: float, verdict: str) -> TailAlternative:
        body = {"law": law, "parameters": {}, "ratio": ratio, "normalised": None, "p": p, "verdict": verdict}
        return TailAlternative.model_validate(body)

    worse = one("exponential", 40.0, 0.001, "worse")
    near = one("lognormal", -0.2, 0.62, "not told apart")
    better = one("power law with cut-off", -6.0, 0.03, "better")
    told = telling.others(fit(0.5).model_copy(update={"alternatives": [near, worse]}), "negative")
    assert told == (
        "No other law describes the negative tail better than the power law. Worse than the power law: an exponential "
        "(p < 0.005). Not told apart from it: a lognormal (p = 0.62)."
    )
    told = telling.others(fit(0.5).model_copy(update={"alternatives": [better]}), "positive")
    assert told == "The positive tail is described better than by the power law by a power law with cut-off (p = 0.03)."


def test_a_rejected_law_is_told_as_none() -> None:
    told = telling.law(fit(0.01), "positive", 900)
    assert told.startswith("The positive tail is not a power law: p = 0.01.")
    assert "not as a law" in told
    assert "p < 0.01" in telling.law(fit(0.0), "negative", 900)


def test_a_law_that_is_not_rejected_is_never_told_as_proven() -> None:
    assert "does not prove it" in telling.law(fit(0.6), "positive", 900)
    assert "cannot be told from other laws" in telling.law(fit(0.6, many=20), "positive", 900)
    assert telling.law(None, "negative", 3) == "Too few negative scores (3) to fit a law to."


def test_where_only_chosen_sequences_were_scored_there_is_no_picture(site: Site) -> None:
    indexed = text_of(page(site, f"/queries/{site.ids['indexed']}?view=distribution"))
    assert "There is no picture of all scores" in indexed
    assert "chosen for being heavy" in indexed
    listed = text_of(page(site, f"/queries/{site.ids['versions']}?view=distribution"))
    assert "scored in place of the corpus" in listed
    lexical = text_of(page(site, f"/queries/{site.ids['lexical']}?view=distribution"))
    assert "Of the sequences scored only, not of the whole corpus" in lexical


@pytest.mark.parametrize(("first", "many"), [("10", 10), ("50", 50), ("all", 60)])
def test_the_layers_are_those_of_the_sequences_chosen(site: Site, first: str, many: int) -> None:
    run = site.runs("fact")["large"]
    number = "" if first == "all" else f"?first={first}"
    body = site.client.get(f"/api/v1/runs/{run}/layers{number}").json()
    assert body["positive"]["sequences"] == many
    html = page(site, f"/queries/{site.ids['fact']}?view=layers&first={first}")
    figure = html[html.index('data-chart="layers-positive"') :].split("</figure>")[0]
    assert figure.count('class="said wide"') == min(many, 50)
    words = text_of(html)
    for third in body["positive"]["thirds"]:
        assert f"{third['share'] * 100:.0f} %" in words
    rows = site.client.get(f"/api/v1/runs/{run}/influences?limit=500").json()["rows"][:many]
    summed = np.array([row["layer_influences"] for row in rows]).sum(0) / 4_012
    np.testing.assert_allclose(body["positive"]["layers"], summed, rtol=1e-6)


def test_a_matrix_has_a_cell_for_every_layer_that_matters_and_a_dash_where_it_counts_the_other_way() -> None:
    row = {"rank": 1, "sequence_id": 3, "document": "d", "text": "a\nb" * 30, "influence": 1.5}
    view = SignLayers.model_validate(
        {
            "sign": "positive",
            "sequences": 1,
            "layers": [2.0, -0.5, 0.01],
            "shares": [0.8, 0.2, 0.0],
            "thirds": [],
            "rows": [{**row, "layers": [2.0, -0.5, 0.01]}],
        }
    )
    chart = charts.matrix(view, ["a", "b", "c"], 50)
    assert {tint.css for tint in chart.tints} == {"p16", "n7"}, "less than 3 % of the largest has no tint"
    assert chart.strokes.count("M") == 1
    assert chart.rows[0].label.endswith("…")
    assert "\n" not in chart.rows[0].label
    assert len(chart.cuts) == 2
    assert charts.matrix(view.model_copy(update={"rows": [], "layers": [1.0]}), ["a"], 50).cuts == ()


def test_a_model_of_few_layers_has_no_thirds(site: Site) -> None:
    assert "too few to part the network in thirds" in page(site, f"/queries/{site.ids['fact']}?view=layers&model=small")
    view = SignLayers(sign="positive", sequences=0, layers=[], shares=[], thirds=[], rows=[])
    assert telling.where(view, RAW) == "No sequence with positive influence was kept."


def test_neighbouring_layers_are_named_by_the_first_and_the_last() -> None:
    assert telling.stretch(["model.layers.0", "model.layers.1", "model.layers.2"]) == "layers 1 to 3"
    assert telling.stretch(["model.layers.4"]) == "layer 5"
    assert telling.stretch(["encoder", "decoder"]) == "encoder to decoder"
