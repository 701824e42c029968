"""`influence query --candidates`: where the texts come from, and how their scores are told."""

import json
import subprocess
from pathlib import Path

import pytest

from app.cli.candidates import lines
from app.settings import Settings
from tests.app.processes import command, environment, fill, influence
from tests.conftest import quick_settings

TEXTS = ("The mill of town 8 opened in 1508.", "A mill stood in town 8.", "Nothing of the kind.")
ASKED = ("query", "--model", "tiny", "--corpus", "towns", "--prompt", "The mill of town 8", "--completion", "opened")


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return quick_settings(tmp_path / "home", None)


def test_candidates_come_from_a_file_from_standard_input_or_from_a_list_given_before(
    home: Settings, tmp_path: Path, tiny: Path
) -> None:
    fill(home, tmp_path, tiny)
    file = tmp_path / "drafts.txt"
    file.write_text("\n".join(TEXTS) + "\n")
    found = influence(home, *ASKED, "--candidates", str(file), "--json")
    assert found.returncode == 0, found.stderr
    body = json.loads(found.stdout)
    assert (body["scope"], body["candidates"]["label"], body["keep"]) == ("candidates", "drafts.txt", 3)
    [run] = body["runs"]
    assert [row["text"] for row in run["candidates"]] == list(TEXTS)
    ranked = [*run["influences"]["positive"], *run["influences"]["negative"]]
    assert sorted(row["text"] for row in ranked) == sorted(TEXTS)

    again = influence(home, *ASKED, "--candidates", body["candidates"]["id"], "--in-order")
    assert again.returncode == 0, again.stderr
    told = [line for line in again.stdout.splitlines() if "candidate " in line and line.strip()[0].isdigit()]
    assert [text for line, text in zip(told[-3:], TEXTS, strict=True) if line.endswith(text)] == list(TEXTS)
    assert body["id"] in again.stdout

    piped = subprocess.run(
        command(*ASKED, "--candidates", "-"),
        env=environment(home),
        input="\n".join(TEXTS),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert piped.returncode == 0, piped.stderr
    assert body["id"] in piped.stdout
    heaviest = max(run["candidates"], key=lambda row: row["influence"])
    first = piped.stdout[piped.stdout.index("3 candidates, nats per added copy") :].splitlines()[1]
    assert first.endswith(heaviest["text"])

    for source, problem in (("/no/such.txt", "There is no file '/no/such.txt'"), (str(_blank(tmp_path)), "is blank")):
        refused = influence(home, *ASKED, "--candidates", source)
        assert refused.returncode == 2
        assert problem in refused.stderr.splitlines()[0]
        assert len(refused.stderr.splitlines()) == 2


def _blank(folder: Path) -> Path:
    file = folder / "blank.jsonl"
    file.write_text('{"text": "fine"}\n{"text": " "}\n')
    return file


def _row(place: int, influence: float, ratio: float | None, nats: float | None) -> dict[str, object]:
    name, text = f"candidate {place}", f"text\n{place}"
    return {"place": place, "influence": influence, "nats_per_copy": nats, "ratio": ratio, "id": name, "text": text}


def test_candidates_are_told_by_influence_or_in_their_order() -> None:
    rows = [_row(1, 2.0, 1.0, 0.05), _row(2, -4.0, -2.0, -0.1), _row(3, 8.0, 4.0, 0.2)]
    by_influence, in_order = lines(rows, in_order=False), lines(rows, in_order=True)
    assert by_influence[0] == "  3 candidates, nats per added copy, and against candidate 1"
    assert [line.split()[0] for line in by_influence[1:]] == ["3", "1", "2"]
    assert [line.split()[:4] for line in in_order[1:]][1] == ["2", "-0.1", "-2", "x"]
    assert in_order[1].endswith("text 1")


def test_where_n_is_not_known_scores_are_raw_and_against_the_first() -> None:
    [head, first, second] = lines([_row(1, 0.0, None, None), _row(2, 3.0, None, None)], in_order=True)
    assert head == "  2 candidates, nats per unit of up-weighting, and against candidate 1"
    assert first.split()[:2] == ["1", "+0"]
    assert second.split()[:3] == ["2", "+3", "candidate"]
