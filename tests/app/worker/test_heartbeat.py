"""A worker's row says soon whether it works, long before its next sign of life is due."""

import threading
import time
from pathlib import Path

import pytest

from app.database import migrate, session_factory
from app.models import Worker
from app.worker.heartbeat import BEATS_UNTIL_LOST, Heartbeat
from tests.app.processes import PATIENCE_SECONDS
from tests.conftest import quick_settings


def test_a_worker_that_gets_work_is_busy_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The next sign of life is due after an hour.
    monkeypatch.setattr("app.worker.heartbeat.MOST_SECONDS", 3600.0)
    settings = quick_settings(tmp_path, None, heartbeat_lost_after=3600.0 * BEATS_UNTIL_LOST)
    migrate(settings)
    sessions = session_factory(settings)
    works = threading.Event()
    beat = Heartbeat(settings, sessions, "one", "cpu", works.is_set)

    def told(busy: bool) -> bool:
        """Whether the row says so within a time in which no beat is due."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            with sessions() as session:
                row = session.get_one(Worker, "one")
                if row.busy is busy:
                    return True
            time.sleep(0.05)
        return False

    beat.start()
    try:
        assert told(busy=False)
        works.set()
        assert told(busy=True)
        works.clear()
        assert told(busy=False)
    finally:
        beat.stop()
        sessions.kw["bind"].dispose()
