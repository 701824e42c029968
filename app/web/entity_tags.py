"""Entity tags: a reader who has an answer already is told so (304) instead of being sent it again."""

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Every look asks the server, which answers 304 where nothing has changed.
ALWAYS_ASK = "no-cache"
KEPT = ("etag", "cache-control", "content-location", "expires", "vary", "link")


class NotModifiedError(Exception):
    """The reader has what would be sent."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


@cache
def _release() -> str:
    return version("influence-explorer")


def tag_of(*parts: object) -> str:
    """A weak tag of everything that an answer depends on; the release of the product is part of it."""
    return f'W/"{hashlib.sha256(repr((_release(), *parts)).encode()).hexdigest()[:24]}"'


def matches(asked: str | None, tag: str) -> bool:
    """Whether `If-None-Match` names a tag; weak and strong ones are the same here, as RFC 9110 has it."""
    if asked is None:
        return False
    named = {part.strip().removeprefix("W/") for part in asked.split(",")}
    return "*" in named or tag.removeprefix("W/") in named


def unless_known(request: Request, response: Response, *parts: object) -> None:
    """Tags an answer by what it depends on, before it is made. Raises: NotModifiedError where the reader has it."""
    tag = tag_of(request.url.path, request.url.query, *parts)
    if matches(request.headers.get("if-none-match"), tag):
        raise NotModifiedError(tag)
    response.headers["etag"] = tag


def not_modified(_: Request, error: Exception) -> Response:
    """The answer to a reader who has it."""
    assert isinstance(error, NotModifiedError)
    return Response(status_code=304, headers={"etag": error.tag, "cache-control": ALWAYS_ASK})


class EntityTags:
    """Tags every whole answer to a GET by its content, unless it has a tag, and answers 304 to those who have it.

    It stands inside the compression, so that a tag names what is sent and not how. Streams of events pass through.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, _asking_always(send) if scope["type"] == "http" else send)
            return
        await self.app(scope, receive, _Tagging(Headers(scope=scope).get("if-none-match"), _asking_always(send)))


def _asking_always(send: Send) -> Send:
    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).setdefault("cache-control", ALWAYS_ASK)
        await send(message)

    return told


class _Tagging:
    """Holds an answer back until it is whole, and sends it with its tag, or 304."""

    def __init__(self, asked: str | None, send: Callable[[Message], Any]) -> None:
        self.asked, self.send = asked, send
        self.start: Message | None = None
        self.body: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _whole(message):
            self.start = message
        elif message["type"] == "http.response.body" and self.start is not None:
            self.body.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._end(self.start, b"".join(self.body))
        else:
            await self.send(message)

    async def _end(self, start: Message, body: bytes) -> None:
        headers = MutableHeaders(scope=start)
        tag = headers.get("etag") or f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
        headers["etag"] = tag
        if matches(self.asked, tag):
            kept = [(name, value) for name, value in start["headers"] if name.decode("latin-1").lower() in KEPT]
            await self.send({**start, "status": 304, "headers": kept})
            body = b""
        else:
            await self.send(start)
        await self.send({"type": "http.response.body", "body": body})


def _whole(start: Message) -> bool:
    """Whether an answer is to be tagged: one that succeeded, is no stream of events, and comes from no file."""
    headers = Headers(raw=start["headers"])
    streamed = headers.get("content-type", "").startswith("text/event-stream")
    return start["status"] == 200 and not streamed and "last-modified" not in headers
