"""Files as answers: a name to save under, and rows as lines of JSON."""

import json
from collections.abc import Iterable
from urllib.parse import quote

from fastapi import Response

from app.services.shapes import InfluencePage


def attachment(content: str | bytes, name: str, media_type: str) -> Response:
    """An answer that browsers save under a name."""
    plain = name.encode("ascii", "replace").decode().replace('"', "'")
    headers = {"content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"}
    return Response(content, media_type=media_type, headers=headers)


def influences_jsonl(page: InfluencePage) -> Response:
    """A run's list of one sign as JSON lines: each row of the API, with its run and sign."""
    lines = ({"run": page.run, "sign": page.sign, **row.model_dump(mode="json")} for row in page.rows)
    return attachment(json_lines(lines), f"{page.run}-{page.sign}.jsonl", "application/x-ndjson")


def json_lines(rows: Iterable[dict[str, object]]) -> str:
    """Objects, a line each."""
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
