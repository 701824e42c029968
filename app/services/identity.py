"""Stable ids: the same question asked twice has the same address, and is not answered twice."""

import base64
import hashlib
import json

from app.services.run_settings import RunSettings


def digest(*parts: object) -> bytes:
    """SHA-256 over the parts as JSON, so that no two different lists of parts collide by joining."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).digest()


def _letters(data: bytes, length: int) -> str:
    return base64.b32encode(data).decode().lower()[:length]


def query_id(prompt: str, completion: str, corpus: str, scope: str, keep: int, **more: object) -> str:
    """Ten base32 characters: 50 bits of the digest of everything that makes a query.

    `more` is what a plain query lacks; it counts only where it is given, so that plain queries keep their ids.
    """
    given = {name: value for name, value in more.items() if value is not None}
    return _letters(digest(prompt, completion, corpus, scope, keep, *([given] if given else [])), 10)


def candidates_id(texts: list[dict[str, str]]) -> str:
    """Sixteen base32 characters for a list of candidates: their names and texts in their order."""
    return _letters(digest("candidates", texts), 16)


def index_digest(settings: RunSettings) -> str:
    """What a gradient index depends on beside its model's factors and its corpus."""
    return digest("index", settings.model_dump()).hex()[:12]


def run_id(query: str, model: str, settings: RunSettings) -> str:
    """The query's id and six characters for model and settings."""
    return f"{query}-{_letters(digest(model, settings.model_dump()), 6)}"
