"""What a command loads before it does its work: its own module, and no library that it has no use for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from alembic.script import ScriptDirectory

from app import cli
from app.database import newest_revision
from app.paths import bundled

ROOT = Path(__file__).parents[2]
CODE = """
import sys
sys.argv[0] = "influence"
from app.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    print("loaded:", *sorted(sys.modules))
"""


def loaded(home: Path, *words: str) -> tuple[str, set[str]]:
    """What a command printed, and the modules that it left loaded."""
    command = [sys.executable, "-c", CODE, *words]
    environment = {**os.environ, "INFLUENCE_HOME": str(home)}
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    told, modules = run.stdout.split("loaded:")
    return told, set(modules.split())


def test_the_list_of_commands_loads_none_of_them(tmp_path: Path) -> None:
    told, modules = loaded(tmp_path, "--help")
    assert "serve" in told
    assert not modules & {"structlog", "sqlalchemy", "pydantic", "httpx", "fastapi", "numpy", "torch"}
    assert [name for name in modules if name.startswith("app.cli.")] == ["app.cli.ending"]


@pytest.mark.parametrize("words", [("model", "list"), ("corpus", "list"), ("status",)])
def test_a_look_at_this_machine_loads_no_pages_and_no_migrations(tmp_path: Path, words: tuple[str, ...]) -> None:
    loaded(tmp_path, *words)
    _, modules = loaded(tmp_path, *words)
    assert "app.web.api.application" in modules
    unused = {"app.web.main", "app.web.pages", "alembic", "dbos", "torch", "transformers"}
    assert modules & unused == set()


def test_a_server_elsewhere_is_asked_without_what_this_machine_would_need(tmp_path: Path) -> None:
    told, modules = loaded(tmp_path, "query", "--help")
    assert "--server" in told
    assert not modules & {"fastapi", "alembic", "torch"}


def test_the_list_tells_of_each_command_what_the_command_tells_of_itself() -> None:
    listed = typer.main.get_group(cli.cli).commands
    assert list(listed) == [told.name for told in cli.COMMANDS]
    for name, short in listed.items():
        assert cli.whole(name).get_short_help_str(500).rstrip(".") == short.get_short_help_str(500).rstrip("."), name


def test_every_module_of_commands_is_listed_with_all_that_it_adds() -> None:
    for module in {told.module for told in cli.COMMANDS}:
        its = typer.Typer()
        __import__(f"app.cli.{module}", fromlist=["add_to"]).add_to(its)
        names = set(typer.main.get_group(its).commands)
        assert names == {told.name for told in cli.COMMANDS if told.module == module}


def test_the_newest_revision_is_that_of_the_library_of_migrations() -> None:
    assert newest_revision() == ScriptDirectory(str(bundled("alembic"))).get_current_head()
