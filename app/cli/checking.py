"""`influence check`: is a sequence's influence real; runs here when no worker is alive."""

import time
from contextlib import ExitStack
from enum import StrEnum
from typing import Annotated

import typer

from app.cli.ending import leave
from app.cli.opened import Opened, opened
from app.services import catalog, check_words, checks
from app.services.shapes import CheckView

EVERY_SECONDS = 0.3


class Kind(StrEnum):
    """The kinds of checks, as the command line chooses among them."""

    counterfactual = "counterfactual"
    one_step = "one_step"
    erasure = "erasure"


RunId = Annotated[str, typer.Argument(help="the run, as a query's page and `influence query --json` name it")]
SequenceId = Annotated[int, typer.Argument(min=0, help="a sequence that the run keeps")]
Kinds = Annotated[
    list[Kind],
    typer.Option(
        "--kind",
        help="counterfactual: log p after a copy more and a copy less, re-optimised; one_step: after a gradient step; "
        "erasure: the score by erased token; may be given again",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="print a JSON list")]


def add_to(cli: typer.Typer) -> None:
    """Put this command on the command line."""
    cli.command("check")(check)


def check(run: RunId, sequence: SequenceId, kind: Kinds = [Kind.counterfactual], as_json: AsJson = False) -> None:  # noqa: B006
    """Check whether a sequence's influence is real; what was checked before is found."""
    with ExitStack() as stack:
        here = stack.enter_context(opened())
        with here.sessions() as session:
            asked = [checks.ask(session, here.jobs, run, sequence, one.value) for one in dict.fromkeys(kind)]
        try:
            found = _wait(here, stack, [one.id for one in asked])
        except KeyboardInterrupt:
            typer.echo("The check goes on once a worker runs; `influence check` again shows it.", err=True)
            leave(130)
        if as_json:
            typer.echo(f"[{', '.join(one.model_dump_json(indent=1) for one in found)}]")
        else:
            typer.echo("\n".join(line for one in found for line in check_words.lines(one)))
    leave(2 if any(one.state == "failed" for one in found) else 0)


def _wait(here: Opened, stack: ExitStack, asked: list[str]) -> list[CheckView]:
    """Wait until all have ended, being the worker oneself where there is none."""
    working, said = False, ""
    while True:
        with here.sessions() as session:
            found = [checks.get(session, one) for one in asked]
            alone = not any(worker.alive for worker in catalog.workers(session))
        if all(one.state in ("done", "failed", "cancelled") for one in found):
            return found
        if alone and not working:
            from app.worker.process import worker

            stack.enter_context(worker(here.settings))
            working = True
        line = "; ".join(map(_progress, found))
        if line != said:
            typer.echo(line, err=True)
            said = line
        time.sleep(EVERY_SECONDS)


def _progress(one: CheckView) -> str:
    share = f" {100 * one.done // one.total} %" if one.state == "running" and one.total else ""
    return f"{one.kind}: {one.stage if one.state == 'running' else one.state}{share}"
