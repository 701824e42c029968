"""The sign of life of a worker process, on its row."""

import os
import socket
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from app.columns import now
from app.database import writing
from app.models import Worker
from app.settings import Settings

log = structlog.get_logger("influence.worker")

MOST_SECONDS = 5.0
BEATS_UNTIL_LOST = 6
# Whether it is busy is told as soon as it changes.
LOOK_SECONDS = 0.5


class Heartbeat:
    """Writes the worker's row every few seconds, and when it gets or ends work, from a thread of its own."""

    def __init__(
        self,
        settings: Settings,
        sessions: sessionmaker[Session],
        name: str,
        device: str,
        busy: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._name = name
        self._device = device
        self._busy = busy
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Write the first one now, the others from the thread."""
        with writing(self._sessions) as session:
            row = Worker(
                name=self._name,
                device=self._device,
                host=socket.gethostname(),
                pid=os.getpid(),
                seen_at=now(),
                started_at=now(),
                stopped_at=None,
            )
            session.merge(row)
        self._thread.start()

    def stop(self) -> None:
        """Say that the worker is gone, so that others need not wait until it counts as lost."""
        self._stop.set()
        self._thread.join(timeout=5)
        self._write(stopped_at=now(), busy=False)

    def _beat_on(self) -> None:
        every = min(MOST_SECONDS, self._settings.heartbeat_lost_after / BEATS_UNTIL_LOST)
        told, at = False, time.monotonic()
        while not self._stop.wait(min(every, LOOK_SECONDS)):
            busy = self._busy()
            if busy == told and time.monotonic() - at < every:
                continue
            told, at = busy, time.monotonic()
            try:
                self._write(seen_at=now(), busy=busy)
            except Exception:
                log.warning("no heartbeat", exc_info=True)

    def _write(self, **values: object) -> None:
        with writing(self._sessions) as session:
            session.execute(update(Worker).where(Worker.name == self._name).values(**values))
