"""The command line: `influence ...`. Nothing heavy is imported before a command needs it."""

import sys

import typer

from app.cli import asking, catalog, demo, logs, looking, serving
from app.services.errors import ServiceError

cli = typer.Typer(
    name="influence",
    help="Which training sequences made this language model say that?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
serving.add_to(cli)
asking.add_to(cli)
catalog.add_to(cli)
looking.add_to(cli)
demo.add_to(cli)


def main() -> None:
    """Run a command. What a person can act on ends with exit code 2, its problem and its remedy."""
    logs.configure()
    try:
        cli()
    except ServiceError as error:
        fail(error.problem, error.remedy)


def fail(problem: str, remedy: str) -> None:
    """End the process with exit code 2, telling what happened and what to do."""
    typer.echo(f"{problem}\n{remedy}", err=True)
    sys.exit(2)
