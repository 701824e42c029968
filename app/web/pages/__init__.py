"""Pages: thin routes that turn shapes into typed contexts, and contexts into HTML. Each has a `.json` twin."""

from fastapi import APIRouter

from app.web.pages import (
    about,
    api,
    batches,
    candidates,
    catalog,
    collections,
    compare,
    documents,
    gallery,
    kept,
    new_query,
    query,
    sequence,
    studies,
    taking,
)

router = APIRouter(include_in_schema=False)
for module in (
    kept,
    taking,
    collections,
    gallery,
    new_query,
    batches,
    candidates,
    sequence,
    query,
    compare,
    documents,
    catalog,
    studies,
    about,
    api,
):
    router.include_router(module.router)
