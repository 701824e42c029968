"""`influence model` and `influence corpus`: what can be asked."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.cli.opened import opened
from app.services import catalog, registry
from app.services.shapes import CorpusView, ModelView, Shape

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON array")]
models = typer.Typer(no_args_is_help=True, help="Language models: list, add, refit.")
corpora = typer.Typer(no_args_is_help=True, help="Training corpora: list, add.")


def add_to(cli: typer.Typer) -> None:
    """Put these commands on the command line."""
    cli.add_typer(models, name="model")
    cli.add_typer(corpora, name="corpus")


def _print(views: Sequence[Shape], lines: Sequence[str], as_json: bool) -> None:
    whole = json.dumps([view.model_dump(mode="json") for view in views], ensure_ascii=False, indent=1)
    typer.echo(whole if as_json else "\n".join(lines) or "none yet")


@models.command("list")
def list_models(as_json: AsJson = False) -> None:
    """The models and how their preparation stands."""
    with opened() as here, here.sessions() as session:
        found = catalog.models(session)
    _print(found, [_model_line(one) for one in found], as_json)


def _model_line(model: ModelView) -> str:
    size = "" if model.parameters is None else f"  {model.parameters:,} parameters"
    wrong = "" if model.error is None else f"  {model.error.problem} {model.error.remedy}"
    return f"{model.name:<20}  {model.state:<9}{size}  {model.source}{wrong}"


@models.command("add")
def add_model(
    name: str,
    source: Annotated[str, typer.Argument(help="a Hugging Face folder or hub id with safetensors weights")],
    corpus: Annotated[str | None, typer.Option(help="what it was trained on: factors are fitted at once")] = None,
    revision: Annotated[str | None, typer.Option(help="a branch, tag or commit of a hub id")] = None,
) -> None:
    """Register a model; a worker reads it and fits its factors."""
    with opened() as here, here.sessions() as session:
        new = registry.add_model(session, here.jobs, name, source, corpus=corpus, revision=revision)
    typer.echo(f"{name} is registered." if new else f"{name} was registered already.")


@models.command("refit")
def refit(name: str) -> None:
    """Forget a model's factors and fit them again."""
    with opened() as here, here.sessions() as session:
        registry.refit(session, here.jobs, name)
    typer.echo(f"{name} will be fitted again by the next free worker.")


@corpora.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """The corpora and their sizes."""
    with opened() as here, here.sessions() as session:
        found = catalog.corpora(session)
    _print(found, [_corpus_line(one) for one in found], as_json)


def _corpus_line(corpus: CorpusView) -> str:
    wrong = "" if corpus.error is None else f"  {corpus.error.problem} {corpus.error.remedy}"
    return f"{corpus.name:<20}  {corpus.state:<9}  {corpus.documents:,} documents  {corpus.source}{wrong}"


@corpora.command("add")
def add_corpus(
    name: str,
    source: Annotated[Path, typer.Argument(help="a .jsonl file: one object a line, with text, id, kind, source")],
) -> None:
    """Take in the documents of a file, checking every line."""
    from app.worker.documents import add_corpus as take_in
    from app.worker.documents import read_json_lines

    with opened() as here:
        home = here.settings.home.resolve()
        new = take_in(here.sessions, home, name, str(source.resolve()), read_json_lines(source, name))
    typer.echo(f"{name} is ready." if new else f"{name} was there already.")
