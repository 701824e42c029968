"""`influence query`: ask from the command line, with or without a server."""

import json
import time
from contextlib import ExitStack
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session, sessionmaker

from app.cli.ending import leave
from app.cli.opened import Opened, opened
from app.services import catalog, queries, results
from app.services.shapes import InfluenceRow, QueryForm, QueryView, RunView, Scope

EVERY_SECONDS = 0.3
PAGE = 500
SHOWN = 10

Models = Annotated[list[str], typer.Option("--model", help="a model's name; may be given again")]
Corpus = Annotated[str, typer.Option(help="the corpus to search")]
Prompt = Annotated[str, typer.Option(help="what the model was given")]
Completion = Annotated[str, typer.Option(help="what it said")]
Keep = Annotated[int, typer.Option(min=1, max=500, help="how many sequences of each sign to keep")]
ScopeChoice = Annotated[
    Scope,
    typer.Option(
        help="everything; lexical: those that share most words with the query; indexed: those that the gradient "
        "index names"
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
    completion: Completion,
    keep: Keep = 50,
    scope: ScopeChoice = "everything",
    as_json: AsJson = False,
) -> None:
    """Ask which training sequences made the models say it; runs here when no worker is alive."""
    form = QueryForm(prompt=prompt, completion=completion, models=model, corpus=corpus, keep=keep, scope=scope)
    with ExitStack() as stack:
        here = stack.enter_context(opened())
        with here.sessions() as session:
            asked = queries.submit(session, here.jobs, form).id
        try:
            view = _wait(here, stack, asked, set(model))
        except KeyboardInterrupt:
            typer.echo(f"The query {asked} goes on once a worker runs; `influence query` again shows it.", err=True)
            leave(130)
        body = answer(here.sessions, view)
        typer.echo(json.dumps(body, ensure_ascii=False, indent=1) if as_json else told(body))
        failed = [run for run in view.runs if run.model in model and run.error is not None]
        for run in failed:
            assert run.error is not None
            typer.echo(f"{run.model}: {run.error.problem}\n{run.error.remedy}", err=True)
    leave(2 if failed else 0)


def _wait(here: Opened, stack: ExitStack, query_id: str, models: set[str]) -> QueryView:
    """Wait for the runs of these models, being the worker oneself where there is none."""
    working, said = False, ""
    while True:
        with here.sessions() as session:
            view = queries.get(session, query_id)
            alone = not any(worker.alive for worker in catalog.workers(session))
        mine = [run for run in view.runs if run.model in models]
        if all(run.state in ("done", "failed", "cancelled") for run in mine):
            return view
        if alone and not working:
            from app.worker.process import worker

            stack.enter_context(worker(here.settings))
            working = True
        said = _say("; ".join(map(_progress, mine)), said)
        time.sleep(EVERY_SECONDS)


def _say(line: str, before: str) -> str:
    if line != before:
        typer.echo(line, err=True)
    return line


def _progress(run: RunView) -> str:
    if run.state == "queued":
        return f"{run.model}: place {run.queue_position} in line"
    share = f" {100 * run.done // run.total} %" if run.state == "running" and run.total else ""
    return f"{run.model}: {run.stage if run.state == 'running' else run.state}{share}"


def answer(sessions: sessionmaker[Session], view: QueryView) -> dict[str, Any]:
    """The query's body as the API gives it, with `influences` in each run."""
    body = view.model_dump(mode="json")
    with sessions() as session:
        for run in body["runs"]:
            done = run["state"] == "done"
            run["influences"] = {
                sign: [row.model_dump(mode="json") for row in all_rows(session, run["id"], sign)] if done else []
                for sign in ("positive", "negative")
            }
    return body


def all_rows(session: Session, run_id: str, sign: Any) -> list[InfluenceRow]:
    """Every kept sequence of a sign, heaviest first."""
    return results.influences(session, run_id, sign, 0, PAGE).rows


def told(body: dict[str, Any]) -> str:
    """The answer for a person: the ten heaviest of each run and sign."""
    scope = "" if body["scope"] == "everything" else f", {body['scope']}"
    lines = [f"{body['prompt']} -> {body['completion']}   ({body['id']}{scope})"]
    for run in body["runs"]:
        log_p = "" if run["log_p"] is None else f"   log p = {run['log_p']:.2f} nats"
        lines.append(f"\n{run['model']}: {run['state']}{log_p}")
        for sign, rows in run["influences"].items():
            lines += [f"  {sign}, nats per added copy"] if rows else []
            lines += [_line(row) for row in rows[:SHOWN]]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    text = " ".join(row["text"].split())[:90]
    return f"  {row['rank']:>3}  {row['nats_per_copy']:+.4g}  {row['document']:<18}  {text}"
