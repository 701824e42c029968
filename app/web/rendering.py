"""From a typed context to HTML: one Jinja environment, strict about what a template may use."""

from functools import lru_cache

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import HTMLResponse

from app.paths import bundled
from app.services import catalog
from app.web import words
from app.web.assets import static_url
from app.web.context import ErrorPage, Page, Shell

PALETTES = ("standard", "paper")


@lru_cache
def environment() -> Environment:
    """Templates with everything escaped; an unknown name is an error, never an empty string."""
    made = Environment(
        loader=FileSystemLoader(bundled("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(words.FILTERS)
    made.globals.update(static=static_url, between=words.between, counted_parts=words.counted_parts)
    made.globals.update(STAGES=words.STAGES, MARKS=words.STATE_MARKS)
    return made


def shell(request: Request) -> Shell:
    """The header's facts, from a session of their own; without a database the page still shows its error."""
    try:
        with request.app.state.sessions() as session:
            return Shell(request.url.path, catalog.status(session), _palette(request))
    except SQLAlchemyError:
        return Shell(request.url.path, None, _palette(request))


def _palette(request: Request) -> str:
    """The palette that the address names; another word than those known is left alone."""
    named = request.query_params.get("palette", "")
    return named if named in PALETTES else ""


def render(request: Request, template: str, page: Page, status: int = 200) -> HTMLResponse:
    """The page as HTML. A template sees `page`, `shell` and the filters of `words`, nothing else."""
    html = environment().get_template(template).render(page=page, shell=shell(request))
    return HTMLResponse(html, status)


def render_error(request: Request, page: ErrorPage) -> HTMLResponse:
    """The designed page of an error."""
    try:
        return render(request, "error.html", page, page.status)
    except Exception:
        # The header asks the database: the page that tells of a failure must not fail by the same one.
        html = environment().get_template("error.html").render(page=page, shell=Shell(request.url.path, None))
        return HTMLResponse(html, page.status)
