"""The command line: `influence ...`. A command's module is read when the command is run, and no other command's."""

import os
import traceback
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from app.cli.ending import fail, leave
from app.services.errors import ServiceError


class Told(NamedTuple):
    """What the list of commands tells of one, and the module that holds it."""

    name: str
    module: str
    help: str


COMMANDS = (
    Told("serve", "serving", "Serve the pages and the API; a worker answers the queries."),
    Told("worker", "serving", "Answer queries on this machine's device until told to stop."),
    Told("up", "serving", "Serve the pages, and run one worker beside them."),
    Told("query", "asking", "Ask which training sequences made the models say it; runs here when no worker is alive."),
    Told(
        "batch", "batch", "Ask many queries from a file; all rows are checked first. Runs here when no worker is alive."
    ),
    Told("check", "checking", "Check whether a sequence's influence is real; what was checked before is found."),
    Told("index", "catalog", "Make a gradient index ahead of time, so that indexed queries answer in seconds."),
    Told("status", "looking", "Workers, models, corpora, and the line of queries."),
    Told("doctor", "looking", "Say what is wrong and how to mend it; exit code 2 when something is."),
    Told("migrate", "looking", "Bring the database and the queue to the newest schema."),
    Told(
        "plan",
        "plan",
        "Say which layers are tracked, and what fitting and scanning will take in memory and time on this device.",
    ),
    Told(
        "convergence",
        "convergence",
        "Say how the rankings move between factors of a random half and of all fitting sequences.",
    ),
    Told("demo", "demo", "Prepare the demo and serve it."),
    Told("model", "catalog", "Language models: list, show, add, set, refit."),
    Told("corpus", "corpora", "Training corpora: list, show, add, append."),
)


class Later(TyperGroup):
    """Commands that are listed by what `COMMANDS` tells of them, and read when they are run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is run, whole."""
        name, listed, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, listed, rest
        from app.cli import logs

        logs.configure()
        return name, whole(name), rest


def whole(name: str) -> Any:
    """A command with its options, or a group with its commands, from its module."""
    [module] = (told.module for told in COMMANDS if told.name == name)
    its = typer.Typer()
    import_module(f"app.cli.{module}").add_to(its)
    group: Any = typer.main.get_group(its)
    return group.commands[name]


cli = typer.Typer(
    name="influence",
    cls=Later,
    help="Which training sequences made this language model say that?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for told in COMMANDS:
    cli.command(told.name, help=told.help)(lambda: None)


def main() -> None:
    """Run a command. What a person can act on ends with exit code 2, its problem and its remedy."""
    # Read by OpenMP when torch is loaded: threads that wait by spinning slow everything else, and each other.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        cli()
    except ServiceError as error:
        fail(error.problem, error.remedy)
    except Exception as error:
        # The engine's errors carry the same two; importing it here would load torch for every command.
        problem, remedy = getattr(error, "problem", None), getattr(error, "remedy", None)
        if problem is not None and remedy is not None:
            fail(problem, remedy)
        from app.cli import environment

        outside = environment.told(error)
        if outside is not None:
            fail(*outside)
        traceback.print_exc()
        leave(1)
