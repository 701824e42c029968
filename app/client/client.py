"""The client itself: a server's address, and what can be asked there."""

from types import TracebackType

import httpx

from app.client.batches import Batches
from app.client.catalog import Catalog
from app.client.checks import Checks
from app.client.collections import Collections
from app.client.connection import Connection
from app.client.errors import Unreachable
from app.client.queries import Queries
from app.client.runs import Runs

TIMEOUT_SECONDS = 60.0


class Client(Catalog):
    """A client of one server. Close it, or use it in `with`. Errors: `ApiError`, `Unreachable`.

    transport: how requests travel; over the network unless given. `app.client.local` has one that needs no server.
    """

    def __init__(
        self,
        server: str = "http://127.0.0.1:8000",
        *,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        address = server.rstrip("/")
        if not address.startswith(("http://", "https://")):
            raise Unreachable(f"{server!r} is no address of a server.", "Give one such as http://127.0.0.1:8000.")
        headers = {"accept": "application/json", "user-agent": "influence-explorer-client"}
        self.server = address
        self.http = httpx.Client(base_url=address, timeout=timeout, transport=transport, headers=headers)
        connection = Connection(self.http)
        super().__init__(connection)
        self.queries = Queries(connection)
        self.batches = Batches(connection)
        self.runs = Runs(connection)
        self.checks = Checks(connection)
        self.collections = Collections(connection)

    def close(self) -> None:
        """Gives the connections back."""
        self.http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
