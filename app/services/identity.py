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


def batch_id(runs: list[list[str]]) -> str:
    """Ten base32 characters for a batch: the runs of each of its queries, in their order."""
    return _letters(digest("batch", runs), 10)


def check_id(run: str, sequence_id: int, kind: str) -> str:
    """Twelve base32 characters for a check: a run, one of its sequences, and the kind of check."""
    return _letters(digest("check", run, sequence_id, kind), 12)


def index_digest(settings: RunSettings) -> str:
    """What a gradient index depends on beside its model's factors and its corpus."""
    shaping = {name: value for name, value in settings.stored.items() if name not in ("query_rank", "precision")}
    return digest("index", shaping).hex()[:12]


def run_id(query: str, model: str, settings: RunSettings) -> str:
    """The query's id and six characters for model and settings."""
    return f"{query}-{_letters(digest(model, settings.stored), 6)}"
