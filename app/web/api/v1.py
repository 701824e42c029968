"""The router of API v1."""

from fastapi import APIRouter

from app.web.api import catalog, queries, runs
from app.web.problems import INVALID

router = APIRouter(prefix="/api/v1", responses=INVALID)
router.include_router(queries.router)
router.include_router(runs.router)
router.include_router(catalog.router)
