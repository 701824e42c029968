"""Static files under addresses that carry a digest of their content, so that browsers may keep them for ever."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.paths import bundled


@lru_cache
def _digest(path: Path, modified: int) -> str:  # noqa: ARG001 - the time is part of the cache's key
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def static_url(name: str) -> str:
    """The address of a static file, with a digest of its content."""
    path = bundled("static") / name
    return f"/static/{name}?v={_digest(path, path.stat().st_mtime_ns)}"


class StaticAssets(StaticFiles):
    """Static files: kept for ever under a digest, checked with the server otherwise."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Starlette's response with a cache header."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        digested = scope.get("query_string", b"").startswith(b"v=")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if digested else "no-cache"
        return response
