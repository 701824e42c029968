"""A site with everything in it, shared and only read, and empty ones for tests that change something."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate
from app.jobs.client import NullJobs
from app.settings import Settings
from app.web.main import create_app
from tests.web.filling import add_catalog, fill


@dataclass
class Site:
    """An application with its client, its sessions and what its queue was asked."""

    client: TestClient
    sessions: sessionmaker[Session]
    jobs: NullJobs
    ids: dict[str, str]

    def runs(self, name: str) -> dict[str, str]:
        """The run of each model of a query by the query's short name."""
        body = self.client.get(f"/api/v1/queries/{self.ids[name]}").json()
        return {run["model"]: run["id"] for run in body["runs"]}


def make_site(home: Path, prepare: Callable[[Session], dict[str, str] | None]) -> Iterator[Site]:
    """A site on a new database that `prepare` fills."""
    settings = Settings(home=home)
    migrate(settings)
    jobs = NullJobs()
    app = create_app(settings, jobs)
    sessions: sessionmaker[Session] = app.state.sessions
    with sessions() as session:
        ids = prepare(session) or {}
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Site(client, sessions, jobs, ids)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with models, and queries in every state. Tests must not change it."""
    yield from make_site(tmp_path_factory.mktemp("site"), fill)


@pytest.fixture
def site_to_change(tmp_path: Path) -> Iterator[Site]:
    """The same, of the test's own."""
    yield from make_site(tmp_path, fill)


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[Site]:
    """A site with models and a corpus but no query, to be changed at will."""
    yield from make_site(tmp_path, lambda session: add_catalog(session))


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    """A site right after its first migration."""
    yield from make_site(tmp_path, lambda _: None)
