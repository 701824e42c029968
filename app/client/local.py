"""The API without a server: the same routes, in this process, on this machine's database; no pages."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from starlette.types import ASGIApp

from app.client.client import Client
from app.database import migrate
from app.jobs.client import JobsClient
from app.settings import Settings
from app.web.api.application import api

# Never looked up: requests to it do not leave the process.
ADDRESS = "http://this-machine"


class InProcess(httpx.BaseTransport):
    """Hands requests to an ASGI application and waits for its whole answer; streams without an end would not return."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.runner = asyncio.Runner()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The application's answer."""
        return self.runner.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        sent = [{"type": "http.request", "body": request.read(), "more_body": False}]
        status, headers, body = 500, [], bytearray()

        async def receive() -> dict[str, Any]:
            return sent.pop() if sent else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
            else:
                body.extend(message.get("body", b""))

        await self.app(_scope(request), receive, send)
        return httpx.Response(status, headers=headers, content=bytes(body), request=request)

    def close(self) -> None:
        """Ends the loop."""
        self.runner.close()


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw if name.lower() != b"accept-encoding"],
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": ("this-machine", 80),
        "client": ("this-machine", 0),
        "root_path": "",
    }


@contextmanager
def here(settings: Settings) -> Iterator[Client]:
    """A client of this machine's own database, brought up to date first; no server need run."""
    migrate(settings)
    jobs = JobsClient(settings)
    app = api(settings, jobs)
    client = Client(ADDRESS, transport=InProcess(app))
    try:
        yield client
    finally:
        client.close()
        jobs.close()
        app.state.sessions.kw["bind"].dispose()
