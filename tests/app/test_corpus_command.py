"""`influence corpus`: what it takes in, what it tells of rows left out, and how it fails."""

import gzip
import json
from pathlib import Path

import pytest

from app.settings import Settings
from tests.app.processes import influence
from tests.conftest import quick_settings


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return quick_settings(tmp_path / "home", None)


def test_a_corpus_is_added_shown_and_grown_with_fields_of_ones_own(home: Settings, tmp_path: Path) -> None:
    first, more = tmp_path / "notes.jsonl.gz", tmp_path / "more.csv"
    rows = ['{"slug": "a", "body": "One."}', "{", '{"slug": "b", "body": "Two.", "topic": "towns"}', '{"slug": "c"}']
    first.write_bytes(gzip.compress("\n".join(rows).encode()))
    more.write_text("slug,body\nb,Again.\nc,Three.\n")
    fields = ("--text-field", "body", "--id-field", "slug", "--kind-field", "topic")
    added = influence(home, "corpus", "add", "notes", str(first), *fields, "--sequences", "packed")
    assert added.returncode == 0, added.stderr
    assert added.stdout.splitlines() == [
        "notes is ready: 2 documents.",
        "  1 row skipped: not JSON",
        "  1 row skipped: no field 'body'",
        "    line 2 of notes.jsonl.gz: not JSON",
        "    line 4 of notes.jsonl.gz: no field 'body'",
    ]
    again = influence(home, "corpus", "add", "notes", str(first), *fields, "--sequences", "packed")
    assert again.stdout == "notes was there already.\n"
    # The fields are those that the corpus was added with; the format is told from the new name.
    grown = influence(home, "corpus", "append", "notes", str(more))
    assert grown.returncode == 0, grown.stderr
    assert grown.stdout.startswith("notes has grown by 1 document to 3.\n  1 row skipped")
    told = influence(home, "corpus", "show", "notes").stdout
    assert "not cut yet; documents one after another" in told
    assert f"part 2: 1 document from {more}" in told
    assert "row 1 of more.csv, id 'b': duplicate id" in told
    assert "kind towns: 1" in told
    whole = json.loads(influence(home, "corpus", "show", "notes", "--json").stdout)
    assert [part["documents"] for part in whole["parts"]] == [2, 1]
    assert whole["skipped"]["reasons"] == {"not JSON": 1, "no field 'body'": 1, "duplicate id": 1}
    [listed] = json.loads(influence(home, "corpus", "list", "--json").stdout)
    # One corpus is told with more: how it is cut, and what was asked of it.
    assert listed.items() <= whole.items()


BAD = [
    (("corpus", "add", "notes", "/no/such/file.jsonl"), "There is no file '/no/such/file.jsonl'"),
    (("corpus", "add", "bad name", "/no/such/file.jsonl"), "'bad name' cannot be a name"),
    (("corpus", "append", "notes", "/no/such/file.jsonl"), "There is no corpus named 'notes'"),
    (("corpus", "show", "notes"), "There is no corpus named 'notes'"),
]


@pytest.mark.parametrize(("words", "problem"), BAD)
def test_what_cannot_be_done_ends_with_code_2_a_problem_and_a_remedy(
    home: Settings, words: tuple[str, ...], problem: str
) -> None:
    found = influence(home, *words)
    assert found.returncode == 2
    assert problem in found.stderr.splitlines()[0]
    assert len(found.stderr.splitlines()) == 2
