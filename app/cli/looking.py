"""`influence status`, `doctor` and `migrate`: how things stand, and what to mend."""

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy import make_url, select
from sqlalchemy.exc import SQLAlchemyError

from app.cli.connected import Server, connected
from app.database import migrate, session_factory
from app.jobs.schema import migrate_jobs
from app.models import FactorSet, Model, StoredIndex
from app.services import catalog, factor_files
from app.services.errors import InvalidInput
from app.services.model_files import adapter_folder, resolved
from app.settings import Settings, get_settings

LEAST_FREE_GB = 2.0
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def add_to(cli: typer.Typer) -> None:
    """Put these commands on the command line."""
    cli.command("status")(status)
    cli.command("doctor")(doctor)
    cli.command("migrate")(migrate_all)


def status(as_json: AsJson = False, server: Server = None) -> None:
    """Workers, models, corpora, and the line of queries."""
    with connected(server) as here:
        found = here.client.status()
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        return
    for worker in found.workers:
        state = "gone" if not worker.alive else "busy" if worker.busy else "waiting"
        typer.echo(f"worker  {worker.name:<24} {worker.device:<8} {state}")
    for model in found.models:
        typer.echo(f"model   {model.name:<24} {model.state:<9} {model.stage} {model.done}/{model.total}")
    for corpus in found.corpora:
        typer.echo(f"corpus  {corpus.name:<24} {corpus.state:<9} {corpus.documents:,} documents")
    typer.echo(f"queries {found.queued} waiting, {found.running} running")


def migrate_all() -> None:
    """Bring the database and the queue to the newest schema."""
    settings = get_settings()
    migrate(settings)
    migrate_jobs(settings)
    typer.echo("The database and the queue are up to date.")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; without a problem it is fine."""

    what: str
    problem: str | None = None
    remedy: str = ""


def doctor() -> None:
    """Say what is wrong and how to mend it; exit code 2 when something is."""
    settings = get_settings()
    for name, value in settings.model_dump().items():
        typer.echo(f"  INFLUENCE_{name.upper()} = {_shown(value)}")
    wrong = 0
    for check in CHECKS:
        for finding in check(settings):
            wrong += finding.problem is not None
            typer.echo(f"ok      {finding.what}" if finding.problem is None else _told(finding))
    if wrong:
        raise InvalidInput(f"{wrong} thing(s) to mend.", "The lines marked WRONG say how.")


def _shown(value: object) -> object:
    """A setting as it may be printed: an address without its password."""
    return make_url(value).render_as_string() if isinstance(value, str) and "://" in value else value


def _told(finding: Finding) -> str:
    return f"WRONG   {finding.what}: {finding.problem}\n        {finding.remedy}"


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        yield Finding("data folder", f"{home}: {error.strerror}", "Choose a folder with INFLUENCE_HOME.")
        return
    free = shutil.disk_usage(home).free / 1e9
    few = f"only {free:.1f} GB free at {home}" if free < LEAST_FREE_GB else None
    yield Finding(f"data folder {home}, {free:.0f} GB free", few, "Make room, or move INFLUENCE_HOME.")


def _database(settings: Settings) -> Iterator[Finding]:
    shown = settings.database_url is not None
    remedy = "Check INFLUENCE_DATABASE_URL and that the server runs." if shown else "Check the data folder."
    steps: tuple[tuple[str, Callable[[Settings], None]], ...] = (("database", migrate), ("queue", migrate_jobs))
    for what, step in steps:
        try:
            step(settings)
            yield Finding(what)
        except (SQLAlchemyError, OSError) as error:
            yield Finding(what, str(error).splitlines()[0], remedy)


def _workers(settings: Settings) -> Iterator[Finding]:
    try:
        with session_factory(settings)() as session:
            alive = [worker.name for worker in catalog.workers(session) if worker.alive]
    except (SQLAlchemyError, OSError):
        return
    none = None if alive else "no worker is alive, so queries wait"
    yield Finding(f"workers {', '.join(alive)}", none, "Start one: `influence worker`, or `influence up`.")


def _files(settings: Settings) -> Iterator[Finding]:
    try:
        with session_factory(settings)() as session:
            models, factors = list(session.scalars(select(Model))), list(session.scalars(select(FactorSet)))
            indexes = list(session.scalars(select(StoredIndex).where(StoredIndex.state == "ready")))
    except (SQLAlchemyError, OSError):
        return
    for model in models:
        problem, remedy = _model(model)
        yield Finding(f"model {model.name}", problem, remedy)
    for one in factors:
        wrong = factor_files.damage(settings.home.resolve() / one.path, thorough=True)
        yield Finding(f"factors of {one.model}", wrong, f"Fit them again: `influence model refit {one.model}`.")
    for index in indexes:
        there = (settings.home.resolve() / (index.path or "")).is_dir()
        remedy = f"Make it again: `influence index {index.model} {index.corpus} --again`."
        missing = None if there else f"{index.path} is gone"
        yield Finding(f"index of {index.model} over {index.corpus}", missing, remedy)


def _model(model: Model) -> tuple[str | None, str]:
    """What is wrong with a model: its files are gone, or it could not be prepared."""
    try:
        resolved(model.source, model.gguf_file)
        if model.adapter is not None:
            adapter_folder(model.adapter)
    except InvalidInput as error:
        return error.problem, error.remedy
    return model.problem, model.remedy or ""


def _port(settings: Settings) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        taken = probe.connect_ex((settings.host, settings.port)) == 0
    yield Finding(f"address {settings.host}:{settings.port}{' (something answers there)' if taken else ''}")


CHECKS = (_home, _database, _workers, _files, _port)
