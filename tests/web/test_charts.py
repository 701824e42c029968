"""Charts: bars stand for their values and stay in the frame."""

import math
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from app.services.shapes import Histogram
from app.web import charts

VALUES = st.lists(
    st.floats(-1e3, 1e3, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=1, max_size=30
)


@given(VALUES)
def test_the_bars_of_a_sparkline_are_as_high_as_their_values_and_inside_the_frame(values: list[float]) -> None:
    chart = charts.sparkline(values, [str(i) for i in range(len(values))])
    span = max(0.0, *values, 0.0) - min(0.0, *values, 0.0)
    for bar, value in zip(chart.bars, values, strict=True):
        assert bar.height == pytest.approx(max(28 * abs(value) / (span or 1), 0.75), abs=0.02)
        assert bar.y >= -0.8
        assert bar.y + bar.height <= 28.8
        assert bar.css == ("neg" if value < 0 else "pos")


@given(VALUES)
def test_the_bars_of_a_profile_meet_at_the_zero_line(values: list[float]) -> None:
    chart = charts.profile(values, [str(i) for i in range(len(values))])
    for bar, value in zip(chart.bars, values, strict=True):
        end = bar.x if value >= 0 else bar.x + bar.width
        assert end == pytest.approx(chart.zero, abs=1.01)
        assert bar.x >= 0


def test_a_histogram_stands_on_signed_logarithms_with_heights_of_logarithms_of_counts() -> None:
    counts = Histogram(edges=[-1.0, -0.1, -0.00001, 0.00001, 0.1, 1.0], counts=[9, 0, 99, 0, 1])
    chart = charts.histogram(counts, width=370, height=100)
    full = {index: slot for index, slot in enumerate(chart.slots) if slot.count}
    assert list(full) == [1, 18, 35], "-0.55, 0 and 0.55 on 18 slots each way, six a decade"
    assert [slot.bar.css for slot in full.values()] == ["neg", "pos", "pos"]
    expected = [100 * math.log(10) / math.log(100), 100, 100 * math.log(2) / math.log(100)]
    assert [slot.bar.height for slot in full.values()] == pytest.approx(expected, abs=0.01)
    assert sum(slot.count for slot in chart.slots) == 109
    for slot in (full[1], full[35]):
        assert slot.low < math.copysign(0.55, slot.low) < slot.high
    assert [tick.value for tick in chart.ticks] == pytest.approx([-1, -0.1, -0.01, 0, 0.01, 0.1, 1])
    assert chart.ticks[3].x == 185
    assert chart.ticks[-1].x == 370


@given(st.lists(st.floats(-1e4, 1e4, allow_nan=False), min_size=1, max_size=60))
def test_every_score_is_in_one_slot_and_slots_follow_one_another(scores: list[float]) -> None:
    numbers, edges = np.histogram(scores, bins=20)
    chart = charts.histogram(Histogram(edges=edges.tolist(), counts=numbers.tolist()))
    assert sum(slot.count for slot in chart.slots) == len(scores)
    for one, other in pairwise(chart.slots):
        assert one.high == pytest.approx(other.low)
        assert one.low < one.high


def test_empty_charts_have_no_bars() -> None:
    assert charts.sparkline([], []).bars == ()
    assert charts.profile([], []).bars == ()
    assert charts.histogram(Histogram(edges=[], counts=[])).slots == ()


def test_a_curve_joins_each_shared_sequence_from_the_middle_of_its_card_to_the_middle_of_the_other() -> None:
    found = charts.links([7, 8, 9], [9, 7], step=100, width=50)
    assert [(link.key, link.path) for link in found] == [
        (7, "M0 50C25 50 25 150 50 150"),
        (9, "M0 250C25 250 25 50 50 50"),
    ]


@pytest.mark.parametrize("largest", [0.0011, 0.05, 0.088, 1.0, 9.9, 10.1, 4321.0])
def test_labels_of_the_axis_never_run_into_each_other(largest: float) -> None:
    chart = charts.histogram(Histogram(edges=[-largest, 0.0, largest], counts=[3, 5]))
    places = sorted(tick.x for tick in chart.ticks)
    assert min(b - a for a, b in pairwise(places)) >= 30
