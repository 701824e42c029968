"""The web application: the API, and pages over the same services. It imports neither torch nor the engine."""

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from app.jobs.client import Jobs, JobsClient
from app.paths import bundled
from app.settings import Settings, get_settings
from app.web import pages
from app.web.api.application import api
from app.web.assets import StaticAssets
from app.web.security import HeadRequests, SameSite, SecurityHeaders


def create_app(settings: Settings | None = None, jobs: Jobs | None = None) -> FastAPI:
    """The application for `settings`; `jobs` replaces the queue's client in tests."""
    chosen = settings or get_settings()
    app = api(chosen, jobs or JobsClient(chosen))
    app.include_router(pages.router)
    app.mount("/static", StaticAssets(directory=bundled("static")), name="static")
    # They stand around those of the API, which tag an answer before it is compressed.
    for middleware in (GZipMiddleware, SameSite, HeadRequests, SecurityHeaders):
        app.add_middleware(middleware)
    return app
