"""`influence model` and `influence index`: what can be asked."""

from typing import Annotated

import typer

from app.cli.connected import Server, connected
from app.cli.listing import AsJson, show
from app.cli.opened import opened
from app.cli.plan import kinds
from app.services import catalog, faithful, indexes, registry, units
from app.services.errors import InvalidInput
from app.services.shapes import AdapterWeights, Faithfulness, IndexView, ModelDetail, ModelView

models = typer.Typer(no_args_is_help=True, help="Language models: list, show, add, set, refit.")


def _number(written: str) -> int:
    """A number of tokens as a person writes it: 600000000, 600_000_000 or 2e12."""
    try:
        return round(float(written))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{written!r} is no number of tokens.", "Write it as 2000000000 or 2e9.", "tokens"
        ) from error


Tokens = Annotated[
    str | None,
    typer.Option(metavar="N", help="how many tokens it was trained on, as 2e12, where that is no corpus here"),
]


def add_to(cli: typer.Typer) -> None:
    """Put these commands on the command line."""
    cli.add_typer(models, name="model")
    cli.command("index")(index)


@models.command("list")
def list_models(as_json: AsJson = False, server: Server = None) -> None:
    """The models and how their preparation stands."""
    with connected(server) as here:
        found = here.client.models()
    show(found, [_model_line(one) for one in found], as_json)


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


@models.command("show")
def show_model(
    name: str,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    server: Server = None,
) -> None:
    """What a model is made of, which of its weights are tracked, and what makes its numbers."""
    with connected(server) as here:
        found = here.client.model(name)
    typer.echo(found.model_dump_json(indent=1) if as_json else told(found))


def told(model: ModelDetail) -> str:
    """A model for a person."""
    facts = [*_facts(model), *_made(model), ("faithfulness", _faithful(model.faithfulness))]
    return "\n".join([_model_line(model), *(f"  {name:<18} {value}" for name, value in facts), *_next(model)])


def _made(model: ModelDetail) -> list[tuple[str, str]]:
    """Its factors and what scans took, a line each."""
    stale = {True: "; stale: `influence model refit` fits them again", False: ""}
    fitted = [
        (
            "factors",
            f"{one.corpus}, {one.sequences or '?'} sequences, {one.fitted_at:%Y-%m-%d %H:%M}"
            f"{stale[one.weights_changed or one.corpus_grown]}",
        )
        for one in model.factors
    ]
    took = [
        ("a scan takes", f"{one.seconds:.1f} s for {one.sequences:,} sequences (scope {one.scope}, {one.scans} scans)")
        for one in model.costs
    ]
    return fitted + took


def _faithful(found: Faithfulness) -> str:
    if not found.pairs:
        return "not measured here; `influence model check` measures it"
    told = f"sign right in {found.same_sign} of {len(found.pairs)} measured changes, size within two in {found.holds}"
    return told if found.pearson is None else f"correlation {found.pearson:.2f}; {told}"


def _facts(model: ModelView) -> list[tuple[str, str]]:
    """Names and values, those left out that say nothing."""
    unknown = "not yet known"
    facts: list[tuple[str, str | None]] = [
        ("revision", model.revision),
        ("GGUF file", model.gguf_file),
        ("adapter", model.adapter),
        ("influence is over", model.weights),
        ("trained on", _trained_on(model)),
        ("context", unknown if model.context_length is None else f"{model.context_length:,} tokens"),
        ("chat template", "yes" if model.chat_template else "no"),
        ("weights", model.fingerprint or unknown),
        ("tokenizer", model.tokenizer_fingerprint or unknown),
        ("layers", f"{len(model.layers)}" if model.layers else unknown),
        ("tracked", f"{len(model.tracked)} matrices: {kinds(model.tracked)}" if model.tracked else unknown),
        ("not tracked", kinds(model.untracked) if model.untracked else unknown),
    ]
    return [(name, value) for name, value in facts if value is not None]


def _trained_on(model: ModelView) -> str:
    tokens = None if model.training_tokens is None else f"{model.training_tokens:,} tokens"
    if model.corpus is not None:
        return f"the corpus {model.corpus}" + ("" if tokens is None else f"; of other corpora, {tokens} count")
    return tokens or f"unknown, so influences are raw; `{units.remedy(model.name)}` makes it known"


def _next(model: ModelView) -> list[str]:
    return [f"`influence plan {model.name} CORPUS` says what fitting and scanning will take."]


@models.command("check")
def check_model(
    name: str,
    count: Annotated[int, typer.Option(min=1, max=faithful.MOST, help="how many sequences")] = 12,
    as_json: Annotated[bool, typer.Option("--json", help="print a JSON list")] = False,
    server: Server = None,
) -> None:
    """Let workers check sequences of a model's answers, spread over queries, signs and ranks; its page sums them up."""
    with connected(server) as here:
        found = here.client.check_model(name, count)
        alive = any(worker.alive for worker in here.client.status().workers)
    if as_json:
        typer.echo(f"[{', '.join(one.model_dump_json(indent=1) for one in found)}]")
        return
    done = sum(one.state == "done" for one in found)
    typer.echo(f"{len(found)} checks of {name}: {done} done already, {len(found) - done} wait or go on.")
    typer.echo(f"`influence model show {name}` and /models/{name} sum them up.")
    if not alive and done < len(found):
        typer.echo("No worker is alive: start one with `influence worker`, or `influence up`.", err=True)


@models.command("add")
def add_model(
    name: str,
    source: Annotated[
        str,
        typer.Argument(
            help="a Hugging Face folder or hub id with safetensors weights, a .gguf file, or package:NAME for the "
            ".gguf file of an installed Python package"
        ),
    ],
    corpus: Annotated[str | None, typer.Option(help="what it was trained on: factors are fitted at once")] = None,
    revision: Annotated[str | None, typer.Option(help="a branch, tag or commit of a hub id")] = None,
    gguf_file: Annotated[
        str | None, typer.Option("--gguf-file", metavar="NAME", help="a .gguf file in the folder or hub id")
    ] = None,
    adapter: Annotated[str | None, typer.Option(metavar="FOLDER", help="a LoRA adapter that peft saved")] = None,
    adapter_weights: Annotated[
        AdapterWeights | None,
        typer.Option(
            help="merged (if not said): the adapter is added into the weights, which are tracked; adapter: its own "
            "matrices are tracked"
        ),
    ] = None,
    training_tokens: Tokens = None,
) -> None:
    """Register a model; a worker reads it, and fits its factors if it was trained on a corpus that is here."""
    with opened() as here, here.sessions() as session:
        new = registry.add_model(
            session,
            here.jobs,
            name,
            source,
            corpus=corpus,
            revision=revision,
            gguf_file=gguf_file,
            adapter=adapter,
            adapter_weights=adapter_weights,
            training_tokens=None if training_tokens is None else _number(training_tokens),
        )
    typer.echo(f"{name} is registered." if new else f"{name} was registered already.")


@models.command("set")
def set_model(
    name: str,
    training_tokens: Annotated[
        str, typer.Option(metavar="N", help="how many tokens it was trained on, as 2000000000 or 2e9")
    ],
) -> None:
    """Say how much a model was trained on, so that influences can be told per added copy."""
    with opened() as here, here.sessions() as session:
        filled = registry.set_training_tokens(session, name, _number(training_tokens))
    typer.echo(
        f"{name}: later runs tell influences per added copy, wherever its training corpus is not the one scanned."
    )
    typer.echo(f"Runs that are done keep the N they were made with; {filled} that had none took it now.")


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
