"""Words and sentences cover a sequence in whole tokens, so their sums are exact."""

import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from app.services import spans

TOKENS = st.lists(st.text(alphabet="aB .!?\n,'\u3002\u8a9e\u0301", max_size=4), max_size=40)


def read(tokens: list[str], reading: spans.Reading) -> list[str]:
    """The texts of the stretches."""
    return ["".join(tokens[start:stop]) for start, stop in spans.spans(tokens, reading)]


@given(TOKENS, st.sampled_from(["token", "word", "sentence"]))
def test_stretches_follow_one_another_from_the_first_token_to_the_last(
    tokens: list[str], reading: spans.Reading
) -> None:
    found = spans.spans(tokens, reading)
    assert [stop for _, stop in found[:-1]] == [start for start, _ in found[1:]]
    assert all(start < stop for start, stop in found)
    assert ([found[0][0], found[-1][1]] if found else [0, 0]) == [0, len(tokens)]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.sampled_from(["token", "word", "sentence"]))
def test_the_sums_of_stretches_add_up_as_the_tokens_do(values: list[float], reading: spans.Reading) -> None:
    tokens = [" a." if place % 3 else "b" for place in range(len(values))]
    found = spans.sums(values, spans.spans(tokens, reading))
    assert math.fsum(found) == pytest.approx(math.fsum(values), rel=1e-12, abs=1e-6)


def test_a_word_is_its_tokens_and_punctuation_stands_alone() -> None:
    tokens = [
        "",
        "The",
        " first",
        " ruler",
        " of",
        " Ros",
        "thaar",
        " was",
        " Kel",
        "mar",
        ".",
        "\n",
        "\n",
        "It",
        "'",
        "s",
    ]
    expected = ["", "The", " first", " ruler", " of", " Rosthaar", " was", " Kelmar", ".", "\n\nIt's"]
    assert read(tokens, "word") == expected


def test_letters_with_marks_numbers_and_code_are_read_as_words() -> None:
    assert read([" cafe", "\u0301", " 3", ".", "5", " f", "(", "x", ")", "...", "!"], "word") == [
        " cafe\u0301",
        " 3",
        ".",
        "5",
        " f",
        "(",
        "x",
        ")",
        "...",
        "!",
    ]


def test_where_no_spaces_are_written_each_character_is_read_by_itself() -> None:
    assert read(list("日本語です。"), "word") == list("日本語です。")


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["He", " came", ".", " She", " left", "!"], ["He came.", " She left!"]),
        (["Mr", ".", " Smith", " e.g", ".", " J", ".", " K", "."], ["Mr. Smith e.g. J. K."]),
        (["It", " is", " 3", ".", "5", "%", "."], ["It is 3.5%."]),
        (["Is", " it", '?"', " he", " asked", "."], ['Is it?"', " he asked."]),
        (["wait", "...", " What", "?"], ["wait...", " What?"]),
        (["and", " so", ".", " on", " it", " goes"], ["and so. on it goes"]),
        (["def", " f():", "\n   ", " return", " 1", "\n\n", "x"], ["def f():", "\n    return 1", "\n\nx"]),
        (["a", " line", "\n", "broken", " to", " fit"], ["a line\nbroken to fit"]),
        (["Title", "\n", "Text"], ["Title", "\nText"]),
        (list("日本。語！"), ["日本。", "語！"]),
        (["so. A", "nd"], ["so. A", "nd"]),
    ],
)
def test_sentences_end_at_their_marks_and_at_lines_but_not_at_abbreviations(
    tokens: list[str], expected: list[str]
) -> None:
    assert read(tokens, "sentence") == expected


def test_each_token_is_a_stretch_by_itself() -> None:
    assert spans.each(["a", "b"]) == [(0, 1), (1, 2)]
    assert all(stop - start == 1 for start, stop in spans.each(["x"] * 9))
