"""How the corpus and the queries are written, byte for byte the same from the same seed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from app.demo.bundle import DemoDocument


def corpus_text(documents: Iterable[DemoDocument]) -> str:
    """JSON lines."""
    return "".join(json.dumps(asdict(d), ensure_ascii=False) + "\n" for d in documents)


def queries_text(queries: dict[str, list[dict[str, Any]]]) -> str:
    """Readable JSON."""
    return json.dumps(queries, ensure_ascii=False, indent=1) + "\n"
