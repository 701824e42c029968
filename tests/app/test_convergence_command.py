"""`influence convergence`: whether factors were fitted on enough sequences."""

import json
from pathlib import Path

import pytest

from app.settings import Settings
from tests.app.processes import fill, influence
from tests.conftest import quick_settings


@pytest.fixture
def home(tmp_path: Path, tiny: Path) -> Settings:
    settings = quick_settings(tmp_path / "home", None)
    fill(settings, tmp_path, tiny)
    return settings


def test_without_a_query_there_is_no_ranking_to_compare(home: Settings) -> None:
    found = influence(home, "convergence", "tiny")
    assert found.returncode == 2
    assert "Nothing was asked of the corpus 'towns' yet" in found.stderr
    assert "Traceback" not in found.stderr


def test_the_rankings_of_half_and_all_of_the_fitting_data_are_compared(home: Settings) -> None:
    for prompt, completion in (("The mill of town 8", "opened"), ("The mill of town 3", "opened")):
        asked = ("--model", "tiny", "--corpus", "towns", "--prompt", prompt, "--completion", completion)
        assert influence(home, "query", *asked).returncode == 0
    given = influence(home, "convergence", "tiny", "--top", "5", "--json")
    assert given.returncode == 0, given.stderr
    body = json.loads(given.stdout)
    assert (body["half"], body["whole"], body["scored"], body["top"]) == (15, 30, 30, 5)
    assert [query["prompt"] for query in body["queries"]] == ["The mill of town 8", "The mill of town 3"]
    for query in body["queries"]:
        assert query["share"] in (0, 0.2, 0.4, 0.6, 0.8, 1)
        assert -1 <= query["spearman"] <= 1
        # Half of the data is neither all of it nor none of it.
        assert 0.3 < query["pearson"] < 0.99999
    told = influence(home, "convergence", "tiny", "--top", "5")
    assert told.stdout.startswith("tiny: factors of 15 against all 30 sequences of towns, over 30 scored ones")
    assert f"{body['queries'][0]['spearman']:8.3f}" in told.stdout
    assert told.stdout.splitlines()[-1].endswith("mean")
