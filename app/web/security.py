"""Response headers that keep every page to this host, and the refusal of requests sent by other sites."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.problems import ProblemDetails, problem_response

POLICY = (
    # A chart is painted from a picture that the page itself has made: a blob.
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
SAFE = {"GET", "HEAD", "OPTIONS"}


class SecurityHeaders:
    """Adds the headers to every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class SameSite:
    """Refuses a changing request that another site's page sends through a visitor's browser."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE:
            site = Headers(scope=scope).get("sec-fetch-site", "none")
            if site in ("cross-site", "same-site"):
                problem = ProblemDetails(
                    status=403,
                    detail=f"This request was sent by a page of another site (Sec-Fetch-Site: {site}).",
                    remedy="Open Influence Explorer itself and send it from there.",
                )
                await problem_response(problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class HeadRequests:
    """Answers HEAD as GET without its body, which FastAPI's routes leave out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, without_body)
