"""How much a request may hold."""

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 16_000_000


def too_large() -> HTTPException:
    """The error of a body that is longer than is read."""
    return HTTPException(413, f"The body is longer than {MOST_BYTES // 1_000_000} MB.")


class BodyLimit:
    """Refuses a body that is longer than `MOST_BYTES`, told or not, before it is held in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told, read = Headers(scope=scope).get("content-length", ""), 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MOST_BYTES or (told.isdigit() and int(told) > MOST_BYTES):
                raise too_large()
            return message

        await self.app(scope, counted, send)
