"""The studies: experiments of the paper, and of this product's own, with their numbers."""

from fastapi import APIRouter

from app.services import studies
from app.services.shapes import Study, StudyView
from app.web.problems import NOT_FOUND

router = APIRouter(tags=["studies"])


@router.get("/studies")
def list_studies() -> list[StudyView]:
    """Every study: what it asks, what was found, and whether that is what the paper found."""
    return studies.every()


@router.get("/studies/{name}", responses=NOT_FOUND)
def get_study(name: str) -> Study:
    """One study with its charts' numbers, its tables, and the commands that make them again."""
    return studies.get(name)
