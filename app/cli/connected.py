"""The client of a command: of the server that it is told of, or of this machine's own database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from app.client import Client
from app.settings import Settings, get_settings

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        envvar="INFLUENCE_SERVER",
        help="ask the server at this address, such as http://127.0.0.1:8000; without one, this machine's own data",
    ),
]


@dataclass(frozen=True)
class Connected:
    """A client, and the settings of this machine where it works on this machine's data."""

    client: Client
    settings: Settings | None


@contextmanager
def connected(server: str | None) -> Iterator[Connected]:
    """A client that is closed at the end."""
    if server:
        with Client(server) as client:
            yield Connected(client, None)
        return
    # The application's own packages are not loaded by a command that asks another machine.
    from app.client.local import here

    settings = get_settings()
    with here(settings) as client:
        yield Connected(client, settings)
