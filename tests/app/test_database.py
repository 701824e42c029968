"""Connections: SQLite as the product needs it, and writers that wait for each other."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from app.database import driver_url, migrate, session_factory, writing
from app.models import Rescue
from app.settings import Settings


def test_sqlite_keeps_a_write_ahead_log_and_checks_foreign_keys(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    migrate(settings)
    factory = session_factory(settings)
    with factory() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
    factory.kw["bind"].dispose()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_plain_postgres_address_is_read_with_the_installed_driver(scheme: str) -> None:
    assert driver_url(f"{scheme}://me:secret@db/lab") == "postgresql+psycopg://me:secret@db/lab"


def test_transactions_that_read_and_then_write_do_not_lose_each_others_changes(
    sessions: sessionmaker[Session],
) -> None:
    with writing(sessions) as session:
        session.add(Rescue(workflow="counter", count=0))

    def count_up() -> None:
        for _ in range(10):
            with writing(sessions) as session:
                row = session.scalars(select(Rescue).with_for_update()).one()
                row.count += 1

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sessions() as session:
        assert session.get_one(Rescue, "counter").count == 40


def test_a_block_that_fails_writes_nothing(sessions: sessionmaker[Session]) -> None:
    def fail_after_writing() -> None:
        with writing(sessions) as session:
            session.add(Rescue(workflow="never", count=0))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_writing()
    with sessions() as session:
        assert session.get(Rescue, "never") is None
