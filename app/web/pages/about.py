"""`/about`: method, units, sign and caveats in plain words, and every term."""

from fastapi import APIRouter, Request, Response

from app.services import glossary
from app.web import words
from app.web.context import AboutPage, Term
from app.web.rendering import render

router = APIRouter()


@router.get("/about")
def show_about(request: Request) -> Response:
    """What the numbers mean and what they do not."""
    listed = sorted(glossary.terms().items(), key=lambda one: one[0].casefold())
    terms = tuple(Term(name, f"term-{words.slug(name)}", meaning) for name, meaning in listed)
    return render(request, "about.html", AboutPage(terms))
