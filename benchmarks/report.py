"""Results kept as JSON, group by group, and RESULTS.md written from it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.rows import Row
from benchmarks.subject import Settings

HERE = Path(__file__).parent
JSON = HERE.parent / "docs" / "studies" / "engine.json"
MARKDOWN = HERE / "RESULTS.md"

INTRODUCTION = """# The engine beside its floor and kronfluence

Written by `make bench` (`python -m benchmarks`) from `docs/studies/engine.json`. A group of rows is measured in one
process, all sides in turn, after one round to warm up; figures are medians. `python -m benchmarks --only fit scan`
measures some groups and leaves the others as they are. On a GPU: `python -m benchmarks --device cuda` (`--sequences
1024 --batch-sequences 64` fill a large card); it is named below, and FLOP/s are compared with the card's peak as its
maker states it.

*Floor*: forward plus backward to activations only, weights frozen, in plain PyTorch, on the same batches.
*kronfluence*: 1.0.1, same model, batches and kind of labels, EK-FAC, low-rank queries and token scores where the row
has them; its scan is what all sequences take more than one does, so the preparation of its queries is not in it.
FLOP/s count matrix products from shapes.
"""


def merge(group: str, rows: Sequence[Row], made: str, settings: Settings, peak: tuple[float, str], path: Path) -> None:
    """Put a group's rows in place of the ones it had."""
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[group] = {
        "made": made,
        "command": f"python -m benchmarks --only {group}{_options(settings)}",
        "peak_flops_per_second": peak[0],
        "peak": peak[1],
        "settings": asdict(settings),
        "rows": [row.as_json() for row in rows],
    }
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def write(groups: Sequence[str], path: Path, target: Path) -> str:
    """RESULTS.md, its groups in their order."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    text = "\n".join([INTRODUCTION, *(_section(name, known[name]) for name in groups if name in known)])
    target.write_text(text, encoding="utf-8")
    return text


def _section(name: str, group: dict[str, Any]) -> str:
    peak = group["peak_flops_per_second"]
    lines = [
        f"## {name}",
        "",
        f"{group['made']}. `{group['command']}`. Peak: {peak / 1e9:.0f} GFLOP/s, {group['peak']}.",
        "",
        "| work | measured | goal | kronfluence | seconds | GFLOP/s (of the peak) | note |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
        *(_line(Row.from_json(row), peak) for row in group["rows"]),
        "",
    ]
    return "\n".join(lines)


def _line(row: Row, peak: float) -> str:
    goal = "" if row.goal is None else str(row.goal)
    if row.goal is not None:
        goal += " reached" if row.goal.reached(row.value) else " **short**"
    cells = [
        row.work,
        f"{row.value:.3g} {row.unit}",
        goal,
        "" if row.kronfluence is None else f"{row.kronfluence:.3g}",
        "" if row.seconds is None else f"{row.seconds:.3g} (of {row.rounds})",
        "" if row.flops_per_second is None else f"{row.flops_per_second / 1e9:.0f} ({row.flops_per_second / peak:.0%})",
        row.note,
    ]
    return f"| {' | '.join(cells)} |"


def _options(settings: Settings) -> str:
    """The options that differ from the defaults, as they are typed."""
    plain = asdict(Settings())
    changed = {key: value for key, value in asdict(settings).items() if value != plain[key]}
    words = []
    for key, value in changed.items():
        if key == "kronfluence":
            words.append("--without-kronfluence")
        elif key != "queries":
            words.append(f"--{key.replace('_', '-')} {value}")
    return "".join(f" {word}" for word in words)
