"""The files of results that studies are told from, as they travel with the code."""

import json
from functools import cache
from typing import Any

from app.paths import bundled
from app.services.errors import NotFound
from app.services.shapes import StudySource

# A study's page offers these and no others.
FILES = (
    "cost-model.json",
    "engine.json",
    "held-out-facts.json",
    "index-recall.json",
    "layers.json",
    "lexical-coverage.json",
    "one-step.json",
    "pbrf.json",
    "planted-facts.json",
    "tails.json",
    "word-order/demo.json",
    "word-order/smollm2.json",
)


@cache
def results(name: str) -> dict[str, Any]:
    """A file of results, read once."""
    found: dict[str, Any] = json.loads(content(name))
    return found


def content(name: str) -> str:
    """A file of results as it lies there. NotFound for a name that is none of `FILES`."""
    if name not in FILES:
        raise NotFound(f"There is no file of results named {name!r}.", f"There are: {', '.join(FILES)}.")
    return (bundled("docs") / "studies" / name).read_text(encoding="utf-8")


def source(name: str) -> StudySource:
    """A file with the command that makes it again."""
    data = results(name)
    return StudySource(file=name, command=_command(data), made=_made(data["made"]))


def _command(data: dict[str, Any]) -> str:
    made = data["made"]
    return str(data["command"] if isinstance(made, str) else made["command"])


def _made(told: str | dict[str, Any]) -> str:
    """When, from what and on what a file was made: a line, or the parts of one."""
    if isinstance(told, str):
        return told
    versions = ", ".join(f"{name} {told['versions'][name]}" for name in ("torch", "transformers"))
    return f"{told['date']}, {told['device']}, {versions}"
