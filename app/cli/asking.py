"""`influence query`: ask from the command line, with or without a server."""

import json
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from app.cli.candidates import CandidatesChoice, InOrder, given
from app.cli.candidates import lines as candidate_lines
from app.cli.connected import Connected, Server, connected
from app.cli.ending import leave
from app.cli.measured import (
    Against,
    AsChat,
    Completions,
    Count,
    Counted,
    Damping,
    MaxTokens,
    Measured,
    Precision,
    Rank,
    Seed,
    System,
    Temperature,
    Writer,
)
from app.client import Client
from app.client.queries import ENDED
from app.services import units
from app.services.shapes import QueryForm, QueryView, RunChoices, RunView, Scope, Sign

SHOWN = 10
SIGNS: tuple[Sign, ...] = ("positive", "negative")

Models = Annotated[list[str], typer.Option("--model", help="a model's name; may be given again")]
Corpus = Annotated[str, typer.Option(help="the corpus to search")]
Prompt = Annotated[str, typer.Option(help="what the model was given")]
Keep = Annotated[int, typer.Option(min=1, max=500, help="how many sequences of each sign to keep")]
ScopeChoice = Annotated[
    Scope,
    typer.Option(
        help="everything; lexical: those that share most words with the query; indexed: those that the gradient "
        "index names; candidates: those given by --candidates, which implies it"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def add_to(cli: typer.Typer) -> None:
    """Put this command on the command line."""
    cli.command("query")(query)


def query(
    model: Models,
    corpus: Corpus,
    prompt: Prompt,
    completion: Completions = None,
    completion_from: Writer = None,
    temperature: Temperature = 0.0,
    seed: Seed = 0,
    max_tokens: MaxTokens = 32,
    chat: AsChat = False,
    system: System = None,
    against: Against = None,
    count: Count = None,
    counted: Counted = None,
    keep: Keep = 50,
    scope: ScopeChoice = "everything",
    candidates: CandidatesChoice = None,
    damping: Damping = 0.1,
    rank: Rank = None,
    precision: Precision = "float32",
    in_order: InOrder = False,
    as_json: AsJson = False,
    server: Server = None,
) -> None:
    """Ask which training sequences made the models say it; runs here when no worker is alive."""
    writing = {"temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    measured = Measured(
        completion or [], completion_from, writing, chat, system, against, count or [], counted or []
    ).fields()
    computed = {"damping": damping, "rank": rank, "precision": precision}
    asked_of = {"models": model, "corpus": corpus, "keep": keep, "scope": scope, "settings": computed}
    form = QueryForm.model_validate({"prompt": prompt, **measured, **asked_of})
    with ExitStack() as stack:
        here = stack.enter_context(connected(server))
        form = _with_candidates(here.client, form, candidates)
        submitted = here.client.queries.submit(form)
        asked = [submitted.id, *(other.id for other in submitted.also)]
        try:
            views = [_wait(here, stack, one, form) for one in asked]
        except KeyboardInterrupt:
            typer.echo(
                f"The query {', '.join(asked)} goes on once a worker runs; `influence query` again shows it.", err=True
            )
            leave(130)
        bodies = [answer(here.client, view) for view in views]
        whole = bodies if len(bodies) > 1 else bodies[0]
        lines = "\n\n".join(told(body, in_order=in_order) for body in bodies)
        typer.echo(json.dumps(whole, ensure_ascii=False, indent=1) if as_json else lines)
        failed = [run for view in views for run in _mine(view, form) if run.error is not None]
        for run in failed:
            assert run.error is not None
            typer.echo(f"{run.model}: {run.error.problem}\n{run.error.remedy}", err=True)
    leave(2 if failed else 0)


def _with_candidates(client: Client, form: QueryForm, source: str | None) -> QueryForm:
    """The form with the candidates that the command names, and what they are called."""
    if source is None:
        return form
    scope = "candidates" if form.scope == "everything" else form.scope
    found, label = given(client, source)
    return form.model_copy(update={"scope": scope, "candidates": found, "candidates_label": label})


def _mine(view: QueryView, form: QueryForm) -> list[RunView]:
    """The runs of a query that this command asked for."""
    return [run for run in view.runs if _asked_by(form, run)]


def _asked_by(form: QueryForm, run: RunView) -> bool:
    return run.model in form.models and run.settings == form.settings


def _wait(here: Connected, stack: ExitStack, query_id: str, form: QueryForm) -> QueryView:
    """Wait for the runs that the form asked for, being the worker oneself where this machine's data has none."""
    working, said = False, ""

    def told(view: QueryView) -> None:
        nonlocal working, said
        mine = _mine(view, form)
        if here.settings is not None and not working and _alone(here.client, mine):
            from app.worker.process import worker

            stack.enter_context(worker(here.settings))
            working = True
        said = _say("; ".join(map(_progress, mine)), said)

    return here.client.queries.wait(query_id, of=lambda run: _asked_by(form, run), told=told)


def _alone(client: Client, runs: list[RunView]) -> bool:
    """Whether one of them waits and no worker is alive."""
    ended = all(run.state in ENDED for run in runs)
    return not ended and not any(worker.alive for worker in client.status().workers)


def _say(line: str, before: str) -> str:
    if line != before:
        typer.echo(line, err=True)
    return line


def _progress(run: RunView) -> str:
    if run.state == "queued":
        return f"{run.model}: place {run.queue_position} in line"
    share = f" {100 * run.done // run.total} %" if run.state == "running" and run.total else ""
    return f"{run.model}: {run.stage if run.state == 'running' else run.state}{share}"


def answer(client: Client, view: QueryView) -> dict[str, Any]:
    """The query's body as the API gives it, with `influences` in each run."""
    body = view.model_dump(mode="json")
    for run in body["runs"]:
        done = run["state"] == "done"
        run["influences"] = {
            sign: [row.model_dump(mode="json") for row in client.runs.influences(run["id"], sign)] if done else []
            for sign in SIGNS
        }
        if done and view.candidates is not None:
            run["candidates"] = [row.model_dump(mode="json") for row in client.runs.candidates(run["id"])]
    return body


def told(body: dict[str, Any], *, in_order: bool = False) -> str:
    """The answer for a person: the ten heaviest of each run and sign; of candidates, all."""
    scope = "" if body["scope"] == "everything" else f", {body['scope']}"
    lines = [f"{asked(body)}   ({body['id']}{scope})"]
    for run in body["runs"]:
        lines.append(f"\n{_name(run)}: {run['state']}{_log_p(run)}")
        if run.get("candidates"):
            lines += candidate_lines(run["candidates"], in_order)
            continue
        raw = any(row["nats_per_copy"] is None for rows in run["influences"].values() for row in rows)
        for sign, rows in run["influences"].items():
            lines += [f"  {sign}, {units.unit(None if raw else 1).name}"] if rows else []
            lines += [_line(row) for row in rows[:SHOWN]]
        lines += [f"  {units.why_raw(run['model'])}"] if raw else []
        shown = [row["nats_per_copy"] for row in run["influences"].get("positive", ())[:SHOWN]]
        beyond = units.beyond_reach(shown, run["log_p"], run["log_p_against"])
        lines += [f"  {beyond}"] if beyond else []
    return "\n".join(lines)


def asked(body: dict[str, Any]) -> str:
    """What is measured, on a line."""
    told = f"{'chat: ' if body['format'] == 'chat' else ''}{body['prompt']} -> {body['completion']}"
    parts = [body["completion"][start:stop] for start, stop in body["counted"] or ()]
    told += f" [counting {', '.join(map(repr, parts))}]" if parts else ""
    told += f" [written by {body['writer']}]" if body["writer"] else ""
    return told + (f" rather than {body['against']}" if body["against"] is not None else "")


def _name(run: dict[str, Any]) -> str:
    """Its model, and what is unusual in how it is computed."""
    label = RunChoices.model_validate(run["settings"]).label
    return f"{run['model']} ({label})" if label else str(run["model"])


def _log_p(run: dict[str, Any]) -> str:
    value, against = run["log_p"], run["log_p_against"]
    if value is None:
        return ""
    contrast = "" if against is None else f" - ({against:.2f}) = {value - against:+.2f}"
    return f"   log p = {value:.2f}{contrast} nats"


def _line(row: dict[str, Any]) -> str:
    text = " ".join(row["text"].split())[:90]
    per_copy = row["nats_per_copy"]
    value = f"{per_copy:+.4g}" if per_copy is not None else f"{row['influence']:+.4g} {100 * row['relative']:>+5.0f} %"
    document = f"{row['document']} +{row['others']}" if row.get("others") else row["document"]
    return f"  {row['rank']:>3}  {value}  {document:<18}  {text}"
