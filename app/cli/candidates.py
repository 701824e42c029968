"""Candidates at the command line: where their texts come from, and how their scores are told."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.client import ApiError, Client
from app.services.candidate_files import parse_file
from app.services.errors import InvalidInput
from app.services.shapes import Candidate

CandidatesChoice = Annotated[
    str | None,
    typer.Option(
        "--candidates",
        help="score these texts in place of the corpus: a .txt file (one a line), a .jsonl or .csv file (text, and id "
        "where known), - for standard input, or the id of a list given before",
    ),
]
InOrder = Annotated[bool, typer.Option("--in-order", help="list candidates as they were given, not by influence")]


def given(client: Client, source: str) -> tuple[list[Candidate], str | None]:
    """The candidates that `--candidates` means, and what they are called."""
    if source == "-":
        return parse_file("standard input", sys.stdin.buffer.read()), "standard input"
    path = Path(source).expanduser()
    if path.is_file():
        return parse_file(path.name, path.read_bytes()), path.name
    try:
        return client.runs.candidate_list(source).rows, None
    except ApiError as error:
        if error.status != 404:
            raise
        raise InvalidInput(
            f"There is no file {source!r}, and no list of candidates of that id.",
            "Give a .txt, .jsonl or .csv file, or - for standard input.",
            "candidates",
        ) from error


def lines(rows: list[dict[str, Any]], in_order: bool) -> list[str]:
    """Every candidate with its score and how that stands to the first one's; the heaviest first unless in order."""
    shown = rows if in_order else sorted(rows, key=lambda row: -row["influence"])
    raw = any(row["nats_per_copy"] is None for row in rows)
    unit = "nats per unit of up-weighting" if raw else "nats per added copy"
    head = f"  {len(rows)} candidate{'' if len(rows) == 1 else 's'}, {unit}, and against {rows[0]['id']}"
    return [head, *(_line(row, raw) for row in shown)]


def _line(row: dict[str, Any], raw: bool) -> str:
    value = row["influence"] if raw else row["nats_per_copy"]
    ratio = "" if row["ratio"] is None else f"{row['ratio']:+.3g} x"
    text = " ".join(row["text"].split())[:90]
    return f"  {row['place']:>4}  {value:+.4g}  {ratio:<11}  {row['id']:<18}  {text}"
