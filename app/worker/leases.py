"""Making a thing once: of several workers that want it, one makes it and the others wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.columns import now
from app.database import writing
from app.models import Leased, Worker
from app.settings import Settings

WAIT_SECONDS = 0.5
T = TypeVar("T")


@dataclass(frozen=True)
class Leases:
    """One worker's leases. A lease is the worker's name on a row; that of a dead worker counts for nothing."""

    settings: Settings
    sessions: sessionmaker[Session]
    worker: str

    def once(
        self,
        holder: type[Leased],
        key: str | int,
        find: Callable[[], T | None],
        make: Callable[[], T],
        wait: Callable[[], None],
    ) -> T:
        """What `find` gives, made by `make` under the lease on the row `key` where it gives nothing.

        `wait` is called now and then while another worker holds the lease; an exception from it ends the waiting.
        """
        while True:
            found = find()
            if found is not None:
                return found
            if self._take(holder, key):
                break
            wait()
            time.sleep(WAIT_SECONDS)
        try:
            # Looked at again: another worker may have finished between the look and the lease.
            found = find()
            return make() if found is None else found
        finally:
            self._release(holder, key)

    def _take(self, holder: type[Leased], key: str | int) -> bool:
        with writing(self.sessions) as session:
            row = session.get_one(holder, key, with_for_update=True)
            if row.preparer not in (None, self.worker) and self._alive(session, row.preparer):
                return False
            row.preparer = self.worker
            return True

    def _release(self, holder: type[Leased], key: str | int) -> None:
        with writing(self.sessions) as session:
            row = session.get_one(holder, key)
            if row.preparer == self.worker:
                row.preparer = None

    def _alive(self, session: Session, worker: str | None) -> bool:
        seen = session.scalar(select(Worker.seen_at).where(Worker.name == worker, Worker.stopped_at.is_(None)))
        return seen is not None and seen > now() - timedelta(seconds=self.settings.heartbeat_lost_after)
