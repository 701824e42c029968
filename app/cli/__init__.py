"""The command line: `influence ...`. Nothing heavy is imported before a command needs it."""

import os
import traceback

import typer

from app.cli import asking, batch, catalog, checking, convergence, corpora, demo, logs, looking, plan, serving
from app.cli.ending import fail, leave
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
batch.add_to(cli)
checking.add_to(cli)
catalog.add_to(cli)
corpora.add_to(cli)
looking.add_to(cli)
plan.add_to(cli)
convergence.add_to(cli)
demo.add_to(cli)


def main() -> None:
    """Run a command. What a person can act on ends with exit code 2, its problem and its remedy."""
    logs.configure()
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
