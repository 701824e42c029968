"""`influence plan`: the plan on the command line."""

import json
from pathlib import Path

import pytest

from app.settings import Settings
from tests.app.processes import fill, influence
from tests.conftest import quick_settings


@pytest.fixture
def home(tmp_path: Path, tiny: Path) -> Settings:
    """A deployment with a tiny model and its corpus."""
    settings = quick_settings(tmp_path / "home", None)
    fill(settings, tmp_path, tiny)
    return settings


def test_the_plan_is_told_and_given_as_data(home: Settings) -> None:
    told = influence(home, "plan", "tiny", "--queries", "8")
    assert told.returncode == 0, told.stderr
    for words in (
        "tracked      6 modules in 2 layers: model.layers.*.mlp.gate_proj",
        "not tracked  model.embed_tokens",
        "towns: 30 sequences",
        "fitting on 30 sequences:",
        "corrected eigenvalues",
        "scanning for 8 queries at full rank:",
    ):
        assert words in told.stdout
    fewer = home.model_copy(update={"fit_sequences": 10})
    assert "fitting on 10 sequences:" in influence(fewer, "plan", "tiny").stdout
    given = influence(home, "plan", "tiny", "towns", "--json")
    body = json.loads(given.stdout)
    assert (body["model"], body["corpus"], body["queries"]) == ("tiny", "towns", 1)
    assert body["scan"]["peak_bytes"] > 0
    assert body["fit"]["seconds"] > 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [(("nobody",), "no model named 'nobody'"), (("tiny", "elsewhere"), "no corpus named 'elsewhere'")],
)
def test_a_plan_for_what_is_not_there_ends_with_code_2(home: Settings, words: tuple[str, ...], problem: str) -> None:
    found = influence(home, "plan", *words)
    assert found.returncode == 2
    assert found.stdout == ""
    assert problem in found.stderr
    assert "Traceback" not in found.stderr
