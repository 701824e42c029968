"""`influence batch`: ask many queries from a file, with or without a server."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from app.cli.asking import ScopeChoice
from app.cli.connected import Connected, Server, connected
from app.cli.ending import leave
from app.cli.measured import Damping, Precision, Rank
from app.services import batch_files, units
from app.services.errors import InvalidInput
from app.services.shapes import BatchForm, BatchQueryView, BatchRunView, BatchTop, BatchView

File = Annotated[Path, typer.Argument(help="CSV with a header, or JSON lines; - reads what is piped in")]
Models = Annotated[list[str] | None, typer.Option("--model", help="for rows that name none; may be given again")]
Corpus = Annotated[str | None, typer.Option(help="for rows that name none")]
Keep = Annotated[int, typer.Option(min=1, max=500, help="how many sequences of each sign to keep")]
Label = Annotated[str | None, typer.Option(help="what the batch is called; the file's name unless given")]
LeaveOut = Annotated[bool, typer.Option("--leave-out", help="ask the right rows even where others are wrong")]
Check = Annotated[bool, typer.Option("--check", help="only say what is wrong; nothing is asked")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="print the batch's address and leave; workers go on")]
AsJson = Annotated[bool, typer.Option("--json", help="print a JSON list, one entry a query")]
SHOWN = 70


def add_to(cli: typer.Typer) -> None:
    """Put this command on the command line."""
    cli.command("batch")(batch)


def batch(
    file: File,
    model: Models = None,
    corpus: Corpus = None,
    scope: ScopeChoice = "everything",
    keep: Keep = 50,
    damping: Damping = 0.1,
    rank: Rank = None,
    precision: Precision = "float32",
    label: Label = None,
    leave_out: LeaveOut = False,
    check: Check = False,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    server: Server = None,
) -> None:
    """Ask many queries from a file; all rows are checked first. Runs here when no worker is alive."""
    chosen = {"models": model or None, "corpus": corpus, "scope": scope, "keep": keep}
    computed = {"damping": damping, "rank": rank, "precision": precision}
    given = {name: value for name, value in {**chosen, **computed}.items() if value is not None}
    form = BatchForm(text=_text(file), label=label or file.name, leave_out=leave_out, defaults=given)
    with ExitStack() as stack:
        here = stack.enter_context(connected(server))
        if _faults(here, form, only=check):
            leave(2)
        if check:
            return
        asked = here.client.batches.submit(form)
        typer.echo(f"{asked.queries} queries, {asked.runs} runs: {asked.url}", err=True)
        if no_wait:
            typer.echo(json.dumps(asked.model_dump(), indent=1) if as_json else asked.url)
            return
        try:
            view = here.client.batches.wait(asked.id, _Told(here, stack))
        except KeyboardInterrupt:
            typer.echo(f"The batch {asked.id} goes on once a worker runs; the same command shows it.", err=True)
            leave(130)
        rows = list(here.client.batches.rows(asked.id))
        body = [row.model_dump(mode="json") for row in rows]
        typer.echo(json.dumps(body, ensure_ascii=False, indent=1) if as_json else "\n".join(map(_line, rows)))
    leave(2 if view.states.get("failed") else 0)


def _text(file: Path) -> str:
    if str(file) == "-":
        return batch_files.decoded("what was piped in", typer.get_binary_stream("stdin").read())
    try:
        return batch_files.decoded(str(file), file.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", "Give a file of queries.", "file") from error


def _faults(here: Connected, form: BatchForm, *, only: bool) -> bool:
    """Tell every fault; whether the batch cannot be asked as it is."""
    found = here.client.batches.check(form)
    for fault in found.faults:
        field = f", {fault.field}" if fault.field else ""
        typer.echo(f"line {fault.line}{field}: {fault.problem} {fault.remedy}", err=True)
    if found.faults or only:
        right = f"{found.right} of {found.rows} rows can be asked"
        typer.echo(f"{right}: {found.queries} queries, {found.runs} runs.", err=True)
    stands = bool(found.faults) and (only or not form.leave_out or not found.right)
    if stands and not only:
        typer.echo("Nothing was asked. --leave-out asks the rows that are right.", err=True)
    return stands


class _Told:
    """Says how far the batch is, and is the worker where this machine's data has none."""

    def __init__(self, here: Connected, stack: ExitStack) -> None:
        self._here, self._stack = here, stack
        self._working, self._said = False, ""

    def __call__(self, view: BatchView) -> None:
        """One look at the batch."""
        settings = self._here.settings
        if settings is not None and not self._working and self._alone():
            from app.worker.process import worker

            self._stack.enter_context(worker(settings))
            self._working = True
        line = ", ".join(f"{number} {state}" for state, number in sorted(view.states.items()))
        if line != self._said:
            typer.echo(line, err=True)
            self._said = line

    def _alone(self) -> bool:
        return not any(worker.alive for worker in self._here.client.status().workers)


def _line(query: BatchQueryView) -> str:
    asks = " ".join(f"{query.prompt} -> {query.completion}".split())
    return "\n".join([f"{query.position:>4}  {asks[:SHOWN]}   ({query.id})", *map(_run, query.runs)])


def _run(run: BatchRunView) -> str:
    name = f"{run.model} ({run.settings.label})" if run.settings.label else run.model
    if run.error is not None:
        return f"      {name}: {run.error.problem}"
    log_p = "" if run.log_p is None else f"   log p = {run.log_p:.2f}"
    return "\n".join([f"      {name}: {run.state}{log_p}", *map(_top, run.top)])


def _top(one: BatchTop) -> str:
    per_copy = one.nats_per_copy
    told = f"{one.influence:+.4g} {units.unit(None).short}" if per_copy is None else f"{per_copy:+.4g}"
    return f"        {one.rank}  {told}  {' '.join(one.text.split())[:SHOWN]}"
