"""The database and the queue, opened for one command."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate, session_factory
from app.jobs.client import JobsClient
from app.settings import Settings, get_settings


@dataclass(frozen=True)
class Opened:
    """What most commands need."""

    settings: Settings
    sessions: sessionmaker[Session]
    jobs: JobsClient


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Opened]:
    """Bring the database up to date and connect; connections are given back at the end."""
    chosen = settings or get_settings()
    migrate(chosen)
    sessions, jobs = session_factory(chosen), JobsClient(chosen)
    try:
        yield Opened(chosen, sessions, jobs)
    finally:
        jobs.close()
        sessions.kw["bind"].dispose()
