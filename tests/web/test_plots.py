"""The geometry of dots on lines and of pairs: places that a reader can measure values back from."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.shapes import StudyChart, StudyPoints, StudyScatter, StudySeries
from app.web.plots import SCATTER, dots, scatter, steps

VALUES = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 6))


def chart(*values: list[float | None], reference: float | None = None, sections: list[str] | None = None) -> StudyChart:
    labels = [f"label {place}" for place in range(len(values[0]))]
    series = [StudySeries(name=f"series {place}", values=found) for place, found in enumerate(values)]
    return StudyChart(
        name="x", title="X", unit="u", labels=labels, series=series, reference=reference, sections=sections or []
    )


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_a_value_can_be_read_back_from_its_place_between_the_ticks(values: list[float]) -> None:
    plot = dots(chart([*values]))
    first, last = plot.ticks[0], plot.ticks[-1]
    for line, value in zip(plot.lines, values, strict=True):
        [dot] = line.dots
        read = first.value + (dot.x - first.place) / (last.place - first.place) * (last.value - first.value)
        assert read == pytest.approx(value, abs=2e-4 * (last.value - first.value))
        assert first.place <= dot.x <= last.place


@given(VALUES, VALUES)
def test_steps_are_round_even_and_reach_over_both_ends(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = list(steps(low, high))
    reach = 1e-6 * (high - low or 1)
    assert found[0] <= low + reach
    assert found[-1] >= high - reach
    assert 2 <= len(found) <= 10
    gaps = [b - a for a, b in pairwise(found)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps))


def test_what_there_is_no_value_for_has_no_mark() -> None:
    plot = dots(chart([1.0, None], [None, 2.0]))
    assert [[dot.value for dot in line.dots] for line in plot.lines] == [[1.0], [2.0]]


def test_series_differ_by_the_form_of_their_marks_and_the_papers_are_hollow() -> None:
    made = chart([1.0], [2.0], [3.0])
    made = made.model_copy(update={"series": [made.series[0].model_copy(update={"paper": True}), *made.series[1:]]})
    keys = dots(made).keys
    assert keys[0].css == "hollow"
    assert len({(key.path, key.css == "hollow") for key in keys}) == 3


def test_a_section_is_named_where_it_begins() -> None:
    plot = dots(chart([1.0, 2.0, 3.0], sections=["a", "a", "b"]))
    assert [line.section for line in plot.lines] == ["a", None, "b"]
    assert [line.y for line in plot.lines] == sorted(line.y for line in plot.lines)


def pairs(x: list[float], y: list[float]) -> StudyScatter:
    points = StudyPoints(name="one", x=x, y=y, labels=[str(place) for place in range(len(x))])
    return StudyScatter(name="s", title="S", x="x", y="y", series=[points])


@given(st.lists(VALUES, min_size=1, max_size=8))
def test_equal_values_lie_on_the_diagonal(values: list[float]) -> None:
    for point in scatter(pairs(values, values)).points:
        assert point.x + point.y == pytest.approx(SCATTER)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=8))
def test_a_larger_value_never_lies_nearer_to_the_beginning_of_its_axis(values: list[tuple[float, float]]) -> None:
    points = scatter(pairs([x for x, _ in values], [y for _, y in values])).points
    for (x, y), point in zip(values, points, strict=True):
        for (other_x, other_y), other in zip(values, points, strict=True):
            assert (x <= other_x) <= (point.x <= other.x)
            assert (y <= other_y) <= (point.y >= other.y)
        assert 0 <= point.x <= SCATTER
        assert 0 <= point.y <= SCATTER


def test_no_pair_at_all_draws_an_empty_frame() -> None:
    assert scatter(pairs([], [])).points == ()
