"""`influence plan`: what a fit and a scan will take, before they are begun."""

import json
import re
from typing import Annotated, Any

import typer

from app.cli.opened import opened

Queries = Annotated[int, typer.Option("--queries", min=1, help="queries that share the scan")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object, sizes in bytes, times in seconds")]

STAGES = {
    "covariances": "covariances",
    "eigenvectors": "eigenvectors",
    "eigenvalues": "corrected eigenvalues",
    "gradients": "preparing the queries",
    "scanning": "scanning",
}


def add_to(cli: typer.Typer) -> None:
    """Put this command on the command line."""
    cli.command("plan")(plan)


def plan(
    model: Annotated[str, typer.Argument(help="a model's name")],
    corpus: Annotated[
        str | None, typer.Argument(help="a corpus's name; what the model was trained on if unset")
    ] = None,
    queries: Queries = 1,
    as_json: AsJson = False,
) -> None:
    """Say which layers are tracked, and what fitting and scanning will take in memory and time on this device.

    Loads the model and runs it on a few sequences; nothing is fitted or scanned.
    """
    from app.worker.forecast import forecast

    with opened() as here:
        typer.echo("Loading the model and timing it on a few sequences ...", err=True)
        found = forecast(here.settings, here.sessions, model, corpus, queries)
    typer.echo(json.dumps(found, ensure_ascii=False, indent=1) if as_json else told(found))


def told(plan: dict[str, Any]) -> str:
    """The plan for a person."""
    process = "" if plan["process_bytes"] is None else f"; this process holds {_size(plan['process_bytes'])}"
    free = "unknown" if plan["free_bytes"] is None else _size(plan["free_bytes"])
    asked = "one query" if plan["queries"] == 1 else f"{plan['queries']} queries"
    lines = [
        f"{plan['model']}: {plan['parameters']:,} parameters in {plan['dtype']} on {plan['device']}, "
        f"{_size(plan['weights_bytes'])} of weights{process}",
        f"  tracked      {len(plan['tracked'])} modules in {len(plan['layers'])} layers: {kinds(plan['tracked'])}",
        f"  not tracked  {kinds(plan['untracked'])}",
        f"{plan['corpus']}: {plan['sequences']:,} sequences, {plan['tokens']:,} tokens, the longest of "
        f"{plan['longest']:,}; {plan['batches']:,} batches, the largest of {plan['largest_batch_tokens']:,} tokens",
        f"free memory: {free}; what follows comes on top of what the process holds",
    ]
    lines += ["", *_work(f"fitting on {plan['fit_sequences']:,} sequences", plan["fit"])]
    lines += ["", *_work(f"scanning for {asked} at {plan['rank']} rank", plan["scan"])]
    lines += ["", f"a gradient index of the corpus: {_size(plan['index_bytes'])} on disk"]
    return "\n".join(lines)


def _work(what: str, work: dict[str, Any]) -> list[str]:
    lines = [f"{what}: {_size(work['peak_bytes'])} at the most, about {_duration(work['seconds'])}"]
    for stage in work["stages"]:
        lines.append(
            f"  {STAGES[stage['name']]:<22} {_size(stage['peak_bytes']):>9}  {_duration(stage['seconds']):>10}   "
            f"{_parts(stage)}"
        )
    if not work["fits"]:
        lines.append(
            "  This is more than is free. Lower INFLUENCE_BATCH_TOKENS, ask fewer queries at a time, or take a "
            "device with more memory; a batch that does not fit is halved until it does."
        )
    return lines


def _parts(stage: dict[str, Any]) -> str:
    """What stays, and the heavier of the two things that a batch takes in turn."""
    heaviest = max(stage["batch_bytes"], key=stage["batch_bytes"].get)
    parts = {**stage["held_bytes"], heaviest: stage["batch_bytes"][heaviest]}
    if stage["beside_bytes"]:
        parts["allocator and kernels"] = stage["beside_bytes"]
    return ", ".join(f"{name} {_size(size)}" for name, size in parts.items())


def kinds(modules: list[str]) -> str:
    """Names of modules with their numbers left out, each once."""
    return ", ".join(dict.fromkeys(re.sub(r"\.\d+(?=\.|$)", ".*", name) for name in modules)) or "none"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB" if size < 1000 else f"{size:,.0f} GB"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
