"""What routes ask for, as types: a short database session, the jobs client, the settings."""

from collections.abc import Iterator
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session, sessionmaker

from app.jobs.client import Jobs
from app.settings import Settings


def _sessions(request: Request) -> sessionmaker[Session]:
    return cast("sessionmaker[Session]", request.app.state.sessions)


def _session(request: Request) -> Iterator[Session]:
    with _sessions(request)() as session:
        yield session


def _jobs(request: Request) -> Jobs:
    return cast("Jobs", request.app.state.jobs)


def _settings(request: Request) -> Settings:
    return cast("Settings", request.app.state.settings)


SessionMaker = Annotated[sessionmaker[Session], Depends(_sessions)]
# Closed when the route returns, before the answer travels: a slow reader never holds a connection.
DbSession = Annotated[Session, Depends(_session, scope="function")]
JobsDep = Annotated[Jobs, Depends(_jobs)]
SettingsDep = Annotated[Settings, Depends(_settings)]
