"""The engine, kronfluence 1.0.1 and the floor in one process: `python -m benchmarks [--only fit scan ...]`.

A group of rows is measured at a time and merged into docs/studies/engine.json, from which RESULTS.md is written.
On a GPU: `python -m benchmarks --device cuda`. All groups take about an hour on two processor cores.
"""

import argparse
import time
from dataclasses import fields, replace
from pathlib import Path

import torch

from benchmarks import report
from benchmarks.groups import GROUPS
from benchmarks.machine import describe, peak_flops
from benchmarks.subject import Settings

WHOLE_NUMBERS = [each.name for each in fields(Settings) if each.type in (int, "int")]


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for the first card")
    parser.add_argument("--demo-model", default="medium", choices=("small", "medium", "large"))
    parser.add_argument("--without-kronfluence", action="store_true")
    for name in WHOLE_NUMBERS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(Settings(), name))
    parser.add_argument("--json", type=Path, default=report.JSON, help="where results are kept and merged")
    parser.add_argument("--out", type=Path, default=report.MARKDOWN)
    return parser


def settings_of(asked: argparse.Namespace) -> Settings:
    """The settings that the options stand for."""
    numbers = {name: getattr(asked, name) for name in WHOLE_NUMBERS}
    kronfluence = not asked.without_kronfluence
    return replace(Settings(), device=asked.device, demo_model=asked.demo_model, kronfluence=kronfluence, **numbers)


def main(words: list[str] | None = None) -> None:
    """Measure the groups asked for, one after another, and write both files after each."""
    asked = options().parse_args(words)
    settings = settings_of(asked)
    torch.set_num_threads(settings.threads)
    for name in asked.only:
        before = peak_flops(settings.device)
        started = time.monotonic()
        rows = GROUPS[name](settings)
        peak = max(before, peak_flops(settings.device))
        report.merge(name, rows, describe(settings.device), settings, peak, asked.json)
        report.write(list(GROUPS), asked.json, asked.out)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
        for row in rows:
            print(f"  {row.work}: {row.value:.4g} {row.unit} {row.note}")


if __name__ == "__main__":
    main()
