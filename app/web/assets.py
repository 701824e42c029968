"""Static files in a folder that is named by a digest of all of them, so that browsers may keep them for ever.

The digest is part of the path, not of the query: what a module imports beside it has the same digest in its address,
and is neither fetched twice nor kept when it is out of date.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.paths import bundled

DIGITS = 12
KEPT = "public, max-age=31536000, immutable"


@cache
def _root() -> Path:
    return bundled("static")


def _changed(folder: Path) -> Iterator[tuple[str, int]]:
    """Each file under `folder` with the time of its last change."""
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir():
                yield from _changed(Path(entry.path))
            else:
                yield entry.path, entry.stat().st_mtime_ns


@lru_cache(maxsize=1)
def _digest(root: Path, files: tuple[tuple[str, int], ...]) -> str:
    made = hashlib.sha256()
    for path, _ in files:
        content = Path(path).read_bytes()
        made.update(f"{Path(path).relative_to(root)} {len(content)}\n".encode())
        made.update(content)
    return made.hexdigest()[:DIGITS]


def version() -> str:
    """The digest of all static files; made anew once one of them has changed."""
    return _digest(_root(), tuple(sorted(_changed(_root()))))


def static_url(name: str) -> str:
    """The address of a static file."""
    return f"/static/{version()}/{name}"


class StaticAssets(StaticFiles):
    """Static files: kept for ever under their present digest, checked with the server under an old one or none."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Starlette's response with a cache header. Raises: HTTPException 404 for a file that there is not."""
        first, _, rest = path.partition(os.sep)
        digested = len(first) == DIGITS and all(digit in "0123456789abcdef" for digit in first)
        response = await super().get_response(rest if digested else path, scope)
        response.headers["cache-control"] = KEPT if first == version() else "no-cache"
        return response
