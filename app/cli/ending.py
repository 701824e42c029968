"""How a command ends: at once, with a code, and with words a person can act on."""

import os
import sys
from typing import NoReturn

import typer


def leave(code: int) -> NoReturn:
    """End the process now: a worker in it may still be busy with other people's queries, and can be cut off."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def fail(problem: str, remedy: str) -> NoReturn:
    """End with exit code 2, telling what happened and what to do."""
    typer.echo(f"{problem}\n{remedy}", err=True)
    leave(2)
