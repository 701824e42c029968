"""Where the committed data of the demo stand."""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"
PASSAGES = DATA / "passages"
MODELS = DATA / "models"
CORPUS = DATA / "corpus.jsonl"
QUERIES = DATA / "queries.json"
