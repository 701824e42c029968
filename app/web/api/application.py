"""The API as an application by itself: what a command on this machine speaks to, and what the site is built on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.database import session_factory
from app.jobs.client import Jobs
from app.settings import Settings
from app.web import problems
from app.web.api import document, health, v1
from app.web.entity_tags import EntityTags
from app.web.limits import BodyLimit

DESCRIPTION = (
    "Which training sequences made a language model say that? Ranked by influence on "
    "log p(completion | prompt), with a score for every token and layer. Positive means: training on the "
    "sequence raises it. `nats_per_copy` is the change that one added copy brings; null where N is not known."
)


def api(settings: Settings, jobs: Jobs) -> FastAPI:
    """The routes of the API and of health, with problems as answers and limits on what is sent."""
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
    app.state.settings = settings
    app.state.sessions = session_factory(settings)
    app.state.jobs = jobs
    problems.install(app)
    document.describe(app)
    app.include_router(v1.router)
    app.include_router(health.router)
    # The first stands innermost: what is tagged is what is sent.
    for middleware in (BodyLimit, EntityTags):
        app.add_middleware(middleware)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(app.state.sessions.kw["bind"].dispose)
