"""How a command prints what there is: a line each, or JSON."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from app.services.shapes import Shape

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON array")]


def show(views: Sequence[Shape], lines: Sequence[str], as_json: bool) -> None:
    """Print the lines, or the views they stand for as one JSON array."""
    whole = json.dumps([view.model_dump(mode="json") for view in views], ensure_ascii=False, indent=1)
    typer.echo(whole if as_json else "\n".join(lines) or "none yet")
