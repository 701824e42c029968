"""Numbers, times and texts in words."""

from datetime import UTC, datetime

import pytest

from app.services.shapes import Asked
from app.web import words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1.0494, "+1.049"),
        (-0.145, "\u22120.145"),
        (0.00213, "+0.00213"),
        (-0.0000213, "\u22122.1×10⁻⁵"),
        (12345.6, "+12,346"),
    ],
)
def test_a_score_shows_three_figures_and_its_sign(value: float, shown: str) -> None:
    assert words.signed(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (-0.01, "\u22120.01"), (100.0, "100"), (-1e-5, "\u221210⁻⁵"), (1e6, "10⁶")]
)
def test_a_power_of_ten_on_an_axis_is_short(value: float, shown: str) -> None:
    assert words.power(value) == shown


@pytest.mark.parametrize(("share", "shown"), [(0.303, "30 %"), (0.0123, "1.2 %"), (-0.5, "\u221250 %"), (1, "100 %")])
def test_a_share_is_a_percentage(share: float, shown: str) -> None:
    assert words.percent(share) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(None, "unknown"), (940, "940"), (251_904, "252k"), (4_080_000, "4.1M"), (1.3e9, "1.3B")]
)
def test_a_number_of_parameters_is_short(number: int | None, shown: str) -> None:
    assert words.size(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.01, "less than 0.1 s"), (0.41, "0.4 s"), (14, "14 s"), (125, "2 min 5 s"), (4800, "1 h 20 min")],
)
def test_a_time_is_told_in_the_units_a_person_uses(seconds: float, shown: str) -> None:
    assert words.duration(seconds) == shown


def test_a_time_without_zone_is_utc() -> None:
    assert words.moment(datetime(2026, 1, 2, 3, 4, 5)) == words.moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert words.moment(None) == "not yet"


@pytest.mark.parametrize(
    ("number", "shown"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")]
)
def test_a_place_in_line_is_an_ordinal(number: int, shown: str) -> None:
    assert words.ordinal(number) == shown


@pytest.mark.parametrize(
    ("prompt", "completion", "gap"),
    [("a", "b", " "), ("a ", "b", ""), ("a", " b", ""), ("a\n", "b", ""), ("", "b", "")],
)
def test_prompt_and_completion_are_joined_as_the_engine_joins_them(prompt: str, completion: str, gap: str) -> None:
    assert words.between(Asked(prompt=prompt, completion=completion)) == gap


def test_what_a_model_wrote_follows_the_prompt_as_it_stands() -> None:
    assert words.between(Asked(prompt="Mist", completion="rand", writer="small")) == ""
    assert words.between(Asked(prompt="Mist", completion="", writer="small")) == " "


def test_a_completion_is_shown_in_the_stretches_that_count_and_those_between() -> None:
    parts = words.counted_parts(Asked(prompt="a", completion="the old mill", counted=[(4, 7)]))
    assert [(part.text, part.counts) for part in parts] == [("the ", False), ("old", True), (" mill", False)]


def test_a_decoder_block_is_counted_from_one_and_another_name_stays() -> None:
    assert [words.layer(name) for name in ("model.layers.3", "transformer.h.0", "head")] == [
        "layer 4",
        "layer 1",
        "head",
    ]


def test_line_breaks_show_as_a_mark_and_everything_else_is_escaped() -> None:
    assert words.marked("<b>\n") == '&lt;b&gt;<i class="nl">↵</i>\n'
    assert words.marked_inline("a\nb") == 'a<i class="nl">↵</i>b'


def test_commands_in_a_remedy_are_code_and_a_single_backtick_stays() -> None:
    assert words.told("Run `influence worker` <now>.") == "Run <code>influence worker</code> &lt;now&gt;."
    assert words.told("a ` b") == "a ` b"
