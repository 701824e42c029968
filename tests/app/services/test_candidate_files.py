"""Candidates from files and boxes; what a box shows is read back as the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.candidate_files import as_text, parse_box, parse_file
from app.services.errors import InvalidInput
from app.services.shapes import Candidate

names = st.none() | st.text(st.characters(exclude_categories=("Cs",)), min_size=1)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), min_size=1).filter(str.strip)


def test_a_text_file_gives_one_candidate_a_line() -> None:
    found = parse_file("list.txt", '\ufefffirst\r\n{"text": "code"}\r\n\r\n'.encode())
    assert found == [Candidate(text="first"), Candidate(text='{"text": "code"}')]


def test_a_blank_line_between_texts_is_a_candidate_that_is_refused_later() -> None:
    assert [one.text for one in parse_file("list.txt", b"first\n\nthird\n\n")] == ["first", "", "third"]


def test_json_lines_give_names_and_line_breaks() -> None:
    found = parse_file("list.jsonl", b'{"text": "a\\nb", "id": 7}\n\n{"text": "c", "more": 1}\n')
    assert found == [Candidate(id="7", text="a\nb"), Candidate(text="c")]


def test_csv_gives_names_and_texts_by_their_columns() -> None:
    found = parse_file("list.csv", b'text,id\n"a, with\na break",x\nb,\n')
    assert found == [Candidate(id="x", text="a, with\na break"), Candidate(text="b")]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("list.txt", b"fine\n\xff\n", "Line 2 of list.txt is not UTF-8"),
        ("list.jsonl", b'{"text": "a"}\nb', "Line 2 is not JSON"),
        ("list.jsonl", b'{"id": "a"}', "Line 1 has no text"),
        ("list.csv", b"id,words\na,b\n", "The file has id, words, and none is named text"),
        ("list.csv", b"", "The file has no column"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(name: str, content: bytes, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        parse_file(name, content)


def test_a_box_reads_json_lines_only_where_every_line_is_one() -> None:
    assert parse_box('{"text": "a"}\n{"text": "b"}') == [Candidate(text="a"), Candidate(text="b")]
    assert parse_box("{ return 1; }\nb") == [Candidate(text="{ return 1; }"), Candidate(text="b")]
    assert parse_box("{ return 1; }") == [Candidate(text="{ return 1; }")]


@given(st.lists(st.builds(Candidate, id=names, text=texts), min_size=1, max_size=5))
def test_a_box_reads_back_what_it_shows(listed: list[Candidate]) -> None:
    assert parse_box(as_text(listed)) == listed
