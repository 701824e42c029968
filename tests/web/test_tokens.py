"""Tints and snippets."""

import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.services.spans import Reading
from app.web import tokens

VALUES = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("ratio", "expected"), [(1.0, 16), (0.5, 11), (0.1, 4), (0.031, 2), (0.029, 0), (0.0, 0), (-1.0, -16), (-0.5, -11)]
)
def test_a_tint_is_the_ratio_to_the_power_of_six_tenths_in_sixteen_steps_and_nothing_below_three_percent(
    ratio: float, expected: int
) -> None:
    assert tokens.level(ratio * 7.5, 7.5) == expected


@given(VALUES)
def test_tints_have_the_sign_of_their_score_and_grow_with_it(values: list[float]) -> None:
    scale = tokens.scale_of(values)
    levels = [tokens.level(value, scale) for value in values]
    for value, level in zip(values, levels, strict=True):
        assert level == 0 or (level > 0) == (value > 0)
        assert -16 <= level <= 16
    by_size = sorted(zip(values, levels, strict=True), key=lambda pair: abs(pair[0]))
    assert [abs(level) for _, level in by_size] == sorted(abs(level) for level in levels)


def test_without_any_influence_nothing_is_tinted() -> None:
    assert tokens.level(0.0, 0.0) == 0


@given(VALUES, st.integers(1, 60))
def test_a_snippet_has_at_most_its_size_and_holds_the_heaviest_neighbours(values: list[float], size: int) -> None:
    first, last = tokens.window(values, size)
    assert 0 <= first <= last <= len(values)
    assert last - first == min(size, len(values))


def test_a_snippet_is_taken_around_the_heaviest_token_with_context_on_both_sides() -> None:
    values = [0.0] * 200
    values[150] = 1.0
    first, last = tokens.window(values, 40)
    assert first == 131
    assert last == 171


def test_a_snippet_says_where_text_was_left_out() -> None:
    values = [0.0] * 99 + [1.0]
    found = tokens.snippet(["a"] * 100, values)
    assert found.cut_before
    assert not found.cut_after


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=6), st.floats(-1, 1)), min_size=1, max_size=80),
    st.sampled_from(["token", "word", "sentence"]),
    st.sampled_from([None, "a", " "]),
)
def test_pieces_put_together_are_the_text(parts: list[tuple[str, float]], reading: Reading, sought: str | None) -> None:
    texts, values = [text for text, _ in parts], [value for _, value in parts]
    pattern = None if sought is None else re.compile(sought)
    found = tokens.snippet(texts, values, size=len(texts), reading=reading, sought=pattern)
    assert "".join(piece.text for piece in found.pieces) == "".join(tokens.visible(text) for text in texts)


def texts_of(found: tokens.Snippet) -> list[str]:
    """The texts of a snippet's pieces."""
    return [piece.text for piece in found.pieces]


def test_neighbours_without_a_tint_are_one_piece() -> None:
    found = tokens.snippet(["a", "b", "c", "d"], [0.0, 0.0, 1.0, 0.0])
    assert texts_of(found) == ["ab", "c", "d"]
    assert [piece.css for piece in found.pieces] == ["", "p16", ""]


def test_a_token_without_text_is_a_circle_where_tinted_and_left_out_where_not() -> None:
    assert texts_of(tokens.snippet(["", "a"], [1.0, 0.0])) == ["◌", "a"]
    assert texts_of(tokens.snippet(["", "a"], [0.0, 1.0])) == ["a"]


def test_a_word_has_the_tint_and_the_sum_of_its_tokens() -> None:
    found = tokens.snippet(["Ros", "thaar", " was"], [1.0, 0.5, -0.75], reading="word")
    assert [(piece.text, piece.value) for piece in found.pieces] == [("Rosthaar", 1.5), (" was", -0.75)]
    assert [piece.level for piece in found.pieces] == [16, tokens.level(-0.5, 1.0)]


def test_the_same_text_is_shown_whatever_it_is_read_by() -> None:
    values = [float(place % 7 == 3) * place for place in range(120)]
    words = [f" w{place}{'.' if place % 11 == 0 else ''}" for place in range(120)]
    shown = {
        reading: texts_of(tokens.snippet(words, values, reading=reading)) for reading in ("token", "word", "sentence")
    }
    assert len({"".join(texts) for texts in shown.values()}) == 1
    assert len(shown["sentence"]) < len(shown["token"])


def test_what_is_sought_is_marked_to_the_character_and_keeps_its_tints() -> None:
    found = tokens.snippet(["The", " ruler", " rules"], [0.0, 1.0, 0.0], sought=re.compile("rule"))
    assert [(piece.text, piece.found, piece.css) for piece in found.pieces] == [
        ("The", False, ""),
        (" ", False, "p16"),
        ("rule", True, "p16"),
        ("r", False, "p16"),
        (" ", False, ""),
        ("rule", True, ""),
        ("s", False, ""),
    ]


def test_the_snippet_moves_to_what_is_sought_only_where_it_is_not_in_sight() -> None:
    words = [f" w{place:03}" for place in range(200)]
    values = [0.0] * 200
    values[150] = 1.0
    near = "".join(texts_of(tokens.snippet(words, values, sought=re.compile("w160"))))
    assert near == "".join(texts_of(tokens.snippet(words, values)))
    far = "".join(texts_of(tokens.snippet(words, values, sought=re.compile("w007"))))
    assert "w007" in far
    assert "w150" not in far


def test_control_characters_show_as_pictures_and_white_space_stays() -> None:
    assert tokens.visible("a\x00\x1b\tb\n") == "a␀␛\tb\n"
