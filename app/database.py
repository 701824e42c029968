"""Connections, sessions and migrations. `database`, never `engine`, is SQLAlchemy's engine."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

from app.paths import bundled
from app.settings import Settings, get_settings

BUSY_SECONDS = 30
_PRAGMAS = ("busy_timeout=30000", "synchronous=NORMAL", "foreign_keys=ON")
_RETRY_SECONDS = 0.05
_MIGRATION_LOCK = 7_290_433


def driver_url(url: str) -> str:
    """`url` with the driver this product uses: plain postgres addresses are read with psycopg 3."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def make_engine(url: str) -> Engine:
    """An engine for `url`. On SQLite: WAL, foreign keys checked, and patience with a busy file."""
    if not make_url(url).drivername.startswith("sqlite"):
        return create_engine(driver_url(url), pool_pre_ping=True)
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    database = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(database, "connect", _prepare_sqlite)
    event.listen(database, "begin", _begin_sqlite)
    return database


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own BEGIN comes too late to hold a lock, so it is switched off and sent by _begin_sqlite.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()
    keep_write_ahead_log(connection)


def keep_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Several processes that open a new file at once all try to switch it; SQLite's own patience skips this one."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def begin_write(session: Session) -> None:
    """Start a transaction that will write: on SQLite it takes the write lock now, waiting for its turn.

    A transaction that reads first and writes later fails at once when another wrote in between. Whatever the
    session has read before is committed (it holds nothing to lose).
    """
    if session.in_transaction():
        session.commit()
    session.connection(execution_options={"writes": True})


@contextmanager
def writing(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """One writing transaction: committed at the end, rolled back when an error leaves the block."""
    with sessions() as session:
        begin_write(session)
        yield session
        session.commit()


def session_factory(settings: Settings) -> sessionmaker[Session]:
    """Sessions on the product's database."""
    return sessionmaker(make_engine(settings.database), expire_on_commit=False)


@lru_cache
def get_sessions() -> sessionmaker[Session]:
    """The sessions of this process, made once."""
    return session_factory(get_settings())


def migrate(settings: Settings) -> None:
    """Bring the product's database to the newest schema. Safe when several processes do it at once.

    The queue's own database is not touched here: app.jobs.schema brings it up to date.
    """
    database = make_engine(settings.database)
    try:
        with database.connect() as connection:
            # Most often there is nothing to do, and the library of migrations is slow to load.
            if revision_of(connection) == newest_revision():
                return
            connection.rollback()
            with _migration_lock(connection):
                upgrade(connection)
            connection.commit()
    finally:
        database.dispose()


def revision_of(connection: Connection) -> str | None:
    """The revision of the schema that the database has; None for one without any."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def newest_revision() -> str:
    """The revision that the code wants: its files begin with their numbers."""
    versions = (bundled("alembic") / "versions").glob("[0-9]*_*.py")
    return max(path.name.split("_")[0] for path in versions)


@contextmanager
def _migration_lock(connection: Connection) -> Iterator[None]:
    if connection.dialect.name == "sqlite":
        connection.execution_options(writes=True)
        connection.begin()
        yield
        return
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    yield


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run migrations up to `revision` inside the caller's transaction."""
    from alembic import command

    command.upgrade(alembic_config(connection), revision)


def downgrade(connection: Connection, revision: str = "base") -> None:
    """Undo migrations down to `revision` inside the caller's transaction."""
    from alembic import command

    command.downgrade(alembic_config(connection), revision)


def alembic_config(connection: Connection | None = None) -> Any:
    """Alembic's configuration for the migrations that travel with the code."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(bundled("alembic")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
