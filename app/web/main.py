"""The web application: routes, pages and API over the services. It imports neither torch nor the engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from app.database import session_factory
from app.jobs.client import Jobs, JobsClient
from app.paths import bundled
from app.settings import Settings, get_settings
from app.web import pages, problems
from app.web.api import document, health, v1
from app.web.assets import StaticAssets
from app.web.entity_tags import EntityTags
from app.web.limits import BodyLimit
from app.web.security import HeadRequests, SameSite, SecurityHeaders

DESCRIPTION = (
    "Which training sequences made a language model say that? Ranked by influence on "
    "log p(completion | prompt), with a score for every token and layer. Positive means: training on the "
    "sequence raises it. `nats_per_copy` is the change that one added copy brings; null where N is not known."
)


def create_app(settings: Settings | None = None, jobs: Jobs | None = None) -> FastAPI:
    """The application for `settings`; `jobs` replaces the queue's client in tests."""
    chosen = settings or get_settings()
    app = FastAPI(
        title="Influence Explorer",
        version="1",
        summary="Training data attribution with EK-FAC influence functions.",
        description=DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        separate_input_output_schemas=False,
    )
    app.state.settings = chosen
    app.state.sessions = session_factory(chosen)
    app.state.jobs = jobs or JobsClient(chosen)
    problems.install(app)
    document.describe(app)
    app.include_router(v1.router)
    app.include_router(health.router)
    app.include_router(pages.router)
    app.mount("/static", StaticAssets(directory=bundled("static")), name="static")
    # The first stands innermost: what is tagged is what is sent, before it is compressed.
    for middleware in (BodyLimit, EntityTags, GZipMiddleware, SameSite, HeadRequests, SecurityHeaders):
        app.add_middleware(middleware)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(app.state.sessions.kw["bind"].dispose)
