"""`/about`: method, units, sign and caveats in plain words."""

from fastapi import APIRouter, Request, Response

from app.web.context import AboutPage
from app.web.rendering import render

router = APIRouter()


@router.get("/about")
def show_about(request: Request) -> Response:
    """What the numbers mean and what they do not."""
    return render(request, "about.html", AboutPage())
