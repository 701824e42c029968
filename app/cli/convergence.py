"""`influence convergence`: whether a model's factors were fitted on enough sequences."""

import json
from statistics import mean
from typing import Annotated, Any

import typer

from app.cli.opened import opened

Top = Annotated[int, typer.Option("--top", min=1, help="how many of the heaviest sequences are compared")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
MEASURES = ("share", "jaccard", "spearman", "pearson")


def add_to(cli: typer.Typer) -> None:
    """Put this command on the command line."""
    cli.command("convergence")(convergence)


def convergence(
    model: Annotated[str, typer.Argument(help="a model's name")],
    corpus: Annotated[
        str | None, typer.Argument(help="a corpus's name; what the model was trained on if unset")
    ] = None,
    top: Top = 50,
    as_json: AsJson = False,
) -> None:
    """Say how the rankings move between factors of a random half and of all fitting sequences.

    Takes half a fit and one pass of the corpus, for up to 20 queries that were asked of it, curated ones first.
    """
    from app.worker.enough import convergence_of

    said = ""

    def tell(stage: str) -> None:
        nonlocal said
        if stage != said:
            said = stage
            typer.echo(f"{said} ...", err=True)

    with opened() as here:
        found = convergence_of(here.settings, here.sessions, model, corpus, top, tell)
    typer.echo(json.dumps(found, ensure_ascii=False, indent=1) if as_json else told(found))


def told(found: dict[str, Any]) -> str:
    """The comparison for a person."""
    lines = [
        f"{found['model']}: factors of {found['half']:,} against all {found['whole']:,} sequences of "
        f"{found['corpus']}, over {found['scored']:,} scored ones; 1 means that nothing moves",
        f"  {'top ' + str(found['top']) + ' kept':>12}  {'Jaccard':>8}  {'Spearman':>8}  {'Pearson':>8}  query",
    ]
    lines += [_line(one, f"{one['prompt']} -> {one['completion']}") for one in found["queries"]]
    means = {name: mean(one[name] for one in found["queries"]) for name in MEASURES}
    return "\n".join([*lines, _line(means, "mean")])


def _line(one: dict[str, Any], what: str) -> str:
    share, *others = (one[name] for name in MEASURES)
    return f"  {share:>12.2f}  " + "  ".join(f"{value:>8.3f}" for value in others) + f"  {' '.join(what.split())[:70]}"
