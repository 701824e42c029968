"""Worlds for the worker's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate, session_factory
from app.settings import Settings
from tests.app.worker.world import World
from tests.conftest import quick_settings


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """Every test here works on tiny tensors."""


@pytest.fixture
def new_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes empty worlds on SQLite with settings of one's choice."""
    made: list[World] = []

    def make(**changed: object) -> World:
        settings = quick_settings(tmp_path / f"home{len(made)}", None, **changed)
        migrate(settings)
        made.append(World(settings, session_factory(settings)))
        return made[-1]

    yield make
    for world in made:
        world.sessions.kw["bind"].dispose()


@pytest.fixture
def world(new_world: Callable[..., World], tiny: Path) -> World:
    """A world with a corpus and a tiny model, on SQLite."""
    made = new_world()
    made.corpus()
    made.model("tiny", tiny)
    return made


@pytest.fixture
def both_worlds(settings: Settings, sessions: sessionmaker[Session], tiny: Path) -> World:
    """The same, once on SQLite and once on Postgres."""
    made = World(settings, sessions)
    made.corpus()
    made.model("tiny", tiny)
    return made
