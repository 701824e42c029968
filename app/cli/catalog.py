"""`influence model`, `influence corpus` and `influence index`: what can be asked."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.cli.opened import opened
from app.services import catalog, indexes, registry
from app.services.shapes import CorpusView, IndexView, ModelView, Shape

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON array")]
models = typer.Typer(no_args_is_help=True, help="Language models: list, add, refit.")
corpora = typer.Typer(no_args_is_help=True, help="Training corpora: list, add.")


def add_to(cli: typer.Typer) -> None:
    """Put these commands on the command line."""
    cli.add_typer(models, name="model")
    cli.add_typer(corpora, name="corpus")
    cli.command("index")(index)


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
    line = f"{model.name:<20}  {model.state:<9}{size}  {model.source}{wrong}"
    return "\n".join([line, *(f"  {_index_line(one)}" for one in model.indexes)])


def _index_line(found: IndexView) -> str:
    if found.state != "ready":
        wrong = "" if found.error is None else f"  {found.error.problem} {found.error.remedy}"
        return f"index of {found.corpus}  {found.state}  {found.stage} {found.done}/{found.total}{wrong}"
    recall = "recall not measured"
    if found.recall is not None:
        one, other = found.recall, found.negative_recall
        recall = f"recall {one.mean:.2f} (top {one.k} in the first {one.first}, least {one.least:.2f})"
        recall += "" if other is None else f", negative {other.mean:.2f}"
    return f"index of {found.corpus}  {(found.bytes or 0) / 1e6:.1f} MB, {found.sequences:,} sequences, {recall}"


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


def index(
    model: str,
    corpus: str,
    again: Annotated[bool, typer.Option("--again", help="make one that is there anew, and measure it again")] = False,
) -> None:
    """Make a gradient index ahead of time, so that indexed queries answer in seconds."""
    with opened() as here, here.sessions() as session:
        new = indexes.wish(session, here.jobs, model, corpus, again=again)
        alive = any(worker.alive for worker in catalog.workers(session))
    said = "will be made by the next free worker." if new else "is there or on its way."
    typer.echo(f"The index of {model} over {corpus} {said}")
    if new and not alive:
        typer.echo("No worker is alive: start one with `influence worker`, or `influence up`.", err=True)


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
