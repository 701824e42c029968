"""`influence query`: the options that say what is measured, and how an answer tells it."""

from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.cli.asking import told
from app.cli.measured import Measured
from app.services.errors import InvalidInput

WRITING = {"temperature": 0.0, "seed": 0, "max_tokens": 32}
PLAIN: dict[str, Any] = {"writer": None, "writing": WRITING, "chat": False, "system": None, "against": None}


def measured(
    *completions: str, count: list[str] | None = None, counted: list[str] | None = None, **changed: Any
) -> Any:
    return Measured(list(completions), count=count or [], counted=counted or [], **{**PLAIN, **changed}).fields()


def test_the_first_completion_is_the_forms_and_the_others_are_further_ones() -> None:
    fields = measured("one", "two", "three")
    assert (fields["completion"], fields["completions"]) == ("one", ["two", "three"])
    assert measured(writer="small")["completion"] == ""


def test_words_count_wherever_they_stand_and_stretches_are_taken_as_given() -> None:
    assert measured("a rose is a rose", count=["rose"])["counted"] == [(2, 6), (12, 16)]
    assert measured("a rose is a rose", count=["is"], counted=["0-1"])["counted"] == [(7, 9), (0, 1)]
    assert measured("a rose")["counted"] is None


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        ({"count": ["tulip"]}, "does not hold 'tulip'"),
        ({"counted": ["first"]}, "'first' is no stretch of characters"),
    ],
)
def test_what_does_not_count_is_told(chosen: dict[str, list[str]], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        measured("a rose", **chosen)
    assert caught.value.field == "counted"


def test_more_than_eight_completions_are_refused() -> None:
    with pytest.raises(InvalidInput, match="9 completions are given; 8 is the most"):
        measured(*"abcdefghi")


def test_an_answer_tells_what_was_measured() -> None:
    run = {"model": "small", "settings": {}, "state": "done", "log_p": -1.5, "log_p_against": -4.0, "influences": {}}
    asked = {"prompt": "Who?", "completion": "a rose", "format": "chat", "counted": [[2, 6]], "writer": "large"}
    body = {**asked, "against": "a tulip", "id": "x", "scope": "everything", "runs": [run]}
    assert told(body).splitlines()[0] == (
        "chat: Who? -> a rose [counting 'rose'] [written by large] rather than a tulip   (x)"
    )
    assert "log p = -1.50 - (-4.00) = +2.50 nats" in told(body)


def test_the_help_names_every_option() -> None:
    text = CliRunner().invoke(cli, ["query", "--help"], env={"COLUMNS": "200"}).stdout
    for option in ("--completion-from", "--temperature", "--seed", "--max-tokens", "--chat", "--system", "--against"):
        assert option in text
    assert "--count " in text
    assert "--counted" in text
