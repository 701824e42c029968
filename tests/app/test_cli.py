"""The command line: what it prints, and how it fails."""

import json
import signal
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner

from app.cli import cli
from app.cli.asking import told
from app.services import catalog, queries
from app.settings import Settings
from tests.app.processes import PATIENCE_SECONDS, fill, influence, started, wait_for
from tests.conftest import quick_settings

Open = Callable[[Settings], sessionmaker[Session]]
PROMPT, COMPLETION = "The mill of town 8", "opened"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return quick_settings(tmp_path / "home", None)


def test_a_query_without_a_server_prints_the_body_of_the_api_with_its_influences(
    home: Settings, tmp_path: Path, tiny: Path, open_sessions: Open
) -> None:
    fill(home, tmp_path, tiny)
    sessions = open_sessions(home)
    asked = ("query", "--model", "tiny", "--corpus", "towns", "--prompt", PROMPT, "--completion", COMPLETION)
    first = influence(home, *asked, "--keep", "4", "--json")
    assert first.returncode == 0, first.stderr
    body = json.loads(first.stdout)
    with sessions() as session:
        view = queries.get(session, body["id"]).model_dump(mode="json")
    [run] = body["runs"]
    rows = run.pop("influences")
    assert body == view
    assert [row["rank"] for row in rows["positive"]] == [1, 2, 3, 4]
    assert all(row["influence"] > 0 for row in rows["positive"])
    assert all(row["influence"] < 0 for row in rows["negative"])
    second = influence(home, *asked, "--keep", "4", "--json")
    assert json.loads(second.stdout) == json.loads(first.stdout)
    told = influence(home, *asked, "--keep", "4")
    assert "tiny: done" in told.stdout
    assert rows["positive"][0]["document"] in told.stdout


def test_the_scope_of_a_query_and_the_index_behind_it_are_told(
    home: Settings, tmp_path: Path, tiny: Path, open_sessions: Open
) -> None:
    fill(home, tmp_path, tiny)
    wished = influence(home, "index", "tiny", "towns")
    assert wished.returncode == 0
    assert wished.stdout == "The index of tiny over towns will be made by the next free worker.\n"
    assert "No worker is alive" in wished.stderr
    sessions = open_sessions(home)
    asked = ("query", "--model", "tiny", "--corpus", "towns", "--prompt", PROMPT, "--completion", COMPLETION)
    found = influence(home, *asked, "--scope", "indexed", "--json")
    assert found.returncode == 0, found.stderr
    body = json.loads(found.stdout)
    assert f"({body['id']}, indexed)" in told(body)
    with sessions() as session:
        assert queries.get(session, body["id"]).scope == "indexed"
    listed = influence(home, "model", "list").stdout
    assert "index of towns  0." in listed
    assert "30 sequences, recall not measured" in listed


def test_a_scope_that_is_none_is_refused_with_those_there_are() -> None:
    asked = ["query", "--model", "m", "--corpus", "c", "--prompt", "a", "--completion", "b", "--scope", "some"]
    found = CliRunner().invoke(cli, asked)
    assert found.exit_code == 2
    assert all(f"'{scope}'" in found.stderr for scope in ("some", "everything", "lexical", "indexed"))


BAD = [
    (("query", "--model", "nobody", "--corpus", "c", "--prompt", "a", "--completion", "b"), "no corpus named 'c'"),
    (("query", "--model", "nobody", "--corpus", "c", "--prompt", "", "--completion", "b"), "The prompt is empty"),
    (("corpus", "add", "towns", "/no/such/file.jsonl"), "There is no file"),
    (("model", "add", "tiny", "/no/such/folder"), "no folder '/no/such/folder'"),
    (("model", "refit", "nobody"), "no model named 'nobody'"),
    (("index", "nobody", "towns"), "no model named 'nobody'"),
]


@pytest.mark.parametrize(("words", "problem"), BAD)
def test_bad_input_ends_with_code_2_a_problem_and_a_remedy(
    home: Settings, words: tuple[str, ...], problem: str
) -> None:
    found = influence(home, *words)
    assert found.returncode == 2
    assert found.stdout == ""
    assert problem in found.stderr.splitlines()[0]
    assert len(found.stderr.splitlines()) == 2
    assert "Traceback" not in found.stderr


def test_a_second_worker_of_the_same_name_is_refused(
    home: Settings, tmp_path: Path, tiny: Path, open_sessions: Open
) -> None:
    fill(home, tmp_path, tiny)
    sessions = open_sessions(home)
    with started(home, "worker"):
        wait_for("the first worker", lambda: any(one.alive for one in _workers(sessions)))
        second = influence(home, "worker")
    assert second.returncode == 2
    assert "runs already" in second.stderr
    assert "INFLUENCE_WORKER_NAME" in second.stderr


def _workers(sessions: sessionmaker[Session]) -> list[catalog.WorkerView]:
    with sessions() as session:
        return catalog.workers(session)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_up_serves_keeps_a_worker_alive_and_stops_both_when_told(tmp_path: Path, open_sessions: Open) -> None:
    port = _free_port()
    settings = quick_settings(tmp_path / "home", None, port=port)
    sessions = open_sessions(settings)
    with started(settings, "up") as process:
        wait_for("the page", lambda: _answers(f"http://127.0.0.1:{port}/healthz"))
        wait_for("the worker", lambda: any(one.alive for one in _workers(sessions)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
    assert not any(one.alive for one in _workers(sessions))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_an_address_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = quick_settings(tmp_path / "home", None, port=taken.getsockname()[1])
        found = influence(settings, "serve")
    assert found.returncode == 2
    assert "cannot be used" in found.stderr
    assert "INFLUENCE_PORT" in found.stderr


def test_a_query_without_a_worker_ends_quietly_on_postgres(
    tmp_path: Path, tiny: Path, new_postgres: Callable[[], str]
) -> None:
    settings = quick_settings(tmp_path / "home", new_postgres())
    fill(settings, tmp_path, tiny)
    asked = ("query", "--model", "tiny", "--corpus", "towns", "--prompt", PROMPT, "--completion", COMPLETION)
    found = influence(settings, *asked)
    assert found.returncode == 0, found.stderr
    assert "Traceback" not in found.stderr
    assert "Exception" not in found.stderr


def test_the_doctor_names_what_is_wrong_and_hides_passwords(home: Settings) -> None:
    found = influence(home, "doctor")
    assert found.returncode == 2
    assert "no worker is alive" in found.stdout
    assert "influence worker" in found.stdout
    secret = home.model_copy(update={"database_url": "postgresql://me:secret@127.0.0.1:1/none"})
    broken = influence(secret, "doctor")
    assert "secret" not in broken.stdout + broken.stderr
    assert "WRONG   database" in broken.stdout


def test_the_doctor_reads_the_factors_to_their_end(home: Settings, tmp_path: Path, tiny: Path) -> None:
    fill(home, tmp_path, tiny)
    asked = ("query", "--model", "tiny", "--corpus", "towns", "--prompt", PROMPT, "--completion", COMPLETION)
    assert influence(home, *asked).returncode == 0
    assert "ok      factors of tiny" in influence(home, "doctor").stdout
    (file,) = home.home.glob("factors/**/tensors.safetensors")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    told = influence(home, "doctor").stdout
    assert "WRONG   factors of tiny" in told
    assert "influence model refit tiny" in told
    refused = influence(home, *asked[:-1], "shut")
    assert refused.returncode == 2
    assert "SHA-256" in refused.stderr
    assert "refit" in refused.stderr


def test_a_data_folder_that_cannot_be_made_is_named(home: Settings) -> None:
    nowhere = home.model_copy(update={"home": Path("/proc/nowhere")})
    told = influence(nowhere, "doctor")
    assert told.returncode == 2
    assert "WRONG   data folder" in told.stdout
    assert "Traceback" not in told.stderr
    asked = influence(nowhere, "status")
    assert asked.returncode == 2
    assert "/proc/nowhere" in asked.stderr
    assert "INFLUENCE_HOME" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_a_setting_that_cannot_be_read_is_named_with_its_value(home: Settings) -> None:
    told = influence(home, "status", INFLUENCE_PORT="many")
    assert told.returncode == 2
    assert "INFLUENCE_PORT=many" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_database_that_fails_ends_with_its_reason(home: Settings) -> None:
    told = influence(home.model_copy(update={"database_url": "postgresql://me:secret@127.0.0.1:1/none"}), "status")
    assert told.returncode == 2
    assert "cannot be used" in told.stderr
    assert "INFLUENCE_DATABASE_URL" in told.stderr
    assert "secret" not in told.stderr
    assert "Traceback" not in told.stderr
