"""One HTML file of a result that opens offline: styles inside, no script, nothing loaded from anywhere."""

import re
from datetime import UTC, datetime

from fastapi import Response

from app.paths import bundled
from app.web.citing import release
from app.web.context import Origin
from app.web.rendering import environment
from app.web.taking_files import attachment

MOST_BYTES = 1_900_000


def css() -> str:
    """The style sheet as it stands inside a file, without its comments."""
    return re.sub(r"/\*.*?\*/", "", (bundled("static") / "style.css").read_text(encoding="utf-8"), flags=re.DOTALL)


def origin(server: str, path: str, citation: str = "") -> Origin:
    """Where a file comes from, and when it was made."""
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return Origin(f"{server}{path}", server, release(), made, citation)


def html_file(name: str, template: str, page: object) -> Response:
    """The file, to be saved."""
    html = environment().get_template(template).render(page=page)
    return attachment(html, f"{name}.html", "text/html; charset=utf-8")
