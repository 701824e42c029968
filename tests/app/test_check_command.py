"""`influence check`: one asks for a check from the command line, and is the worker oneself where there is none."""

import json
from pathlib import Path

import pytest

from app.services import check_words
from app.services.shapes import CheckView
from app.settings import Settings
from tests.app.processes import fill, influence
from tests.conftest import quick_settings

ASKED = ("query", "--model", "tiny", "--corpus", "towns", "--prompt", "The mill of town 8", "--completion", "opened")


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return quick_settings(tmp_path / "home", None)


def test_a_check_is_made_here_when_no_worker_is_alive_and_found_the_second_time(
    home: Settings, tmp_path: Path, tiny: Path
) -> None:
    fill(home, tmp_path, tiny)
    [run] = json.loads(influence(home, *ASKED, "--keep", "3", "--json").stdout)["runs"]
    heaviest = max((row for rows in run["influences"].values() for row in rows), key=lambda row: abs(row["influence"]))
    asked = ("check", run["id"], str(heaviest["sequence_id"]), "--kind", "one_step", "--kind", "erasure")
    made = influence(home, *asked, "--json")
    assert made.returncode == 0, made.stderr
    step, erased = (CheckView.model_validate(one) for one in json.loads(made.stdout))
    assert (step.state, step.kind, erased.state, erased.kind) == ("done", "one_step", "done", "erasure")
    assert erased.erasure is not None
    assert sum(erased.erasure.output) == pytest.approx(heaviest["influence"], rel=5e-3)

    again = influence(home, *asked)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == [*check_words.lines(step), *check_words.lines(erased)]

    refused = influence(home, "check", run["id"], "39000")
    assert refused.returncode == 2
    assert "keeps no sequence 39000" in refused.stderr
