"""The router of API v1."""

from fastapi import APIRouter

from app.web.api import (
    annotations,
    batches,
    candidates,
    catalog,
    checks,
    collections,
    documents,
    queries,
    runs,
    studies,
)
from app.web.problems import INVALID

router = APIRouter(prefix="/api/v1", responses=INVALID)
router.include_router(queries.router)
router.include_router(batches.router)
router.include_router(runs.router)
router.include_router(catalog.router)
router.include_router(candidates.router)
router.include_router(checks.router)
router.include_router(documents.router)
router.include_router(annotations.router)
router.include_router(collections.router)
router.include_router(studies.router)
