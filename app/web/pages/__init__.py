"""Pages: thin routes that turn shapes into typed contexts, and contexts into HTML. Each has a `.json` twin."""

from fastapi import APIRouter

from app.web.pages import about, api, candidates, catalog, compare, gallery, new_query, query, sequence

router = APIRouter(include_in_schema=False)
for module in (gallery, new_query, candidates, sequence, query, compare, catalog, about, api):
    router.include_router(module.router)
