"""Batches: many queries asked at once. All of a file is checked before any of it is stored."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload, undefer

from app.database import begin_write
from app.jobs.client import Jobs
from app.models import Batch, BatchRun, Corpus, Model, Query, Run
from app.services import asking, batch_files, identity, queries, storing
from app.services.batch_files import Row
from app.services.candidates import Listed
from app.services.errors import InvalidInput, NotFound
from app.services.run_settings import RunSettings
from app.services.shapes import BatchCheck, BatchFault, BatchForm, BatchSubmitted, QueryForm
from app.services.storing import Asked, PutUp

ENDED_BADLY = ("failed", "cancelled")
UNDER_WAY = ("queued", "running")
REMEDY = "Correct it and send it again."
REMEDIES = {
    "keep": "Give a whole number from 1 to 500.",
    "models": "Name at least one model.",
    "corpus": "Name a corpus, in the file or in the form.",
    "scope": "Write everything, lexical, indexed or candidates.",
    "format": "Write text or chat.",
    "prompt": "Write a prompt.",
    "settings": "Give a damping above 0, up to 1000, and a rank from 1 to 4096, or none.",
    "writing": "Give 1 to 256 tokens, a temperature from 0 to 10, and a whole number as seed.",
}


@dataclass(frozen=True)
class Ready:
    """A row that can be asked: its form, and what it is shown with."""

    line: int
    form: QueryForm
    listed: list[Listed] | None
    put_up: PutUp


@dataclass
class Checked:
    """The rows of a form that can be asked, and what is wrong with the others."""

    rows: int
    ready: list[Ready] = field(default_factory=list)
    faults: list[BatchFault] = field(default_factory=list)


def checked(session: Session, form: BatchForm) -> Checked:
    """Every row checked as a query is, and nothing stored. Raises: InvalidInput where the whole cannot be read."""
    rows = _rows(form)
    found = Checked(len(rows))
    # Held here, for a session holds what it has read only as long as somebody else does.
    whole = select(Model).options(undefer(Model.tokenizer_json), undefer(Model.chat_template))
    held = (session.scalars(whole).all(), session.scalars(select(Corpus)).all())
    for row in rows:
        try:
            found.ready.append(_ready(session, row, form.defaults))
        except _Faults as error:
            found.faults += error.faults
    del held
    return found


def check(session: Session, form: BatchForm) -> BatchCheck:
    """What a form would ask, with every fault of its rows."""
    found = checked(session, form)
    singles = [one for ready in found.ready for one in asking.singles(ready.form)]
    asks = [one.model_dump_json(exclude={"models", "settings"}) for one in singles]
    runs = {(text, one.settings, model) for text, one in zip(asks, singles, strict=True) for model in one.models}
    return BatchCheck(
        rows=found.rows,
        right=len(found.ready),
        queries=len(set(asks)),
        runs=len(runs),
        models=list(dict.fromkeys(model for one in singles for model in one.models)),
        faults=found.faults,
    )


class _Faults(Exception):  # noqa: N818 - what a row has, not what went wrong here
    """What is wrong with a row."""

    def __init__(self, faults: list[BatchFault]) -> None:
        super().__init__()
        self.faults = faults


def _rows(form: BatchForm) -> list[Row]:
    if (form.text is None) == (form.rows is None):
        raise InvalidInput("A batch needs a text or rows, and only one of them.", "Give one of the two.", "text")
    if form.rows is not None:
        if not form.rows:
            raise InvalidInput("The batch has no row.", "Give at least one.", "rows")
        return batch_files.at_most(batch_files.of_objects(form.rows))
    return batch_files.parse(form.text or "", form.format)


def _ready(session: Session, row: Row, defaults: dict[str, Any]) -> Ready:
    """The row as a checked form. Raises: _Faults."""
    if row.fault is not None:
        raise _Faults([row.fault])
    given = {**defaults, **row.given}
    if "candidates" in row.given and "scope" not in row.given:
        given["scope"] = "candidates"
    try:
        form = QueryForm.model_validate(batch_files.fields(given))
        return Ready(row.line, form, queries.check(session, form), _put_up(given))
    except ValidationError as error:
        raise _Faults(list(_told(row.line, error))) from error
    except InvalidInput as error:
        told = BatchFault(line=row.line, field=error.field or "", problem=error.problem, remedy=error.remedy)
        raise _Faults([told]) from error


def _told(line: int, error: ValidationError) -> Iterator[BatchFault]:
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"])
        remedy = REMEDIES.get(name.split(".")[0], REMEDY)
        yield BatchFault(line=line, field=name, problem=f"{item['msg']}.", remedy=remedy)


def _put_up(given: dict[str, Any]) -> PutUp:
    """How the query is shown. Raises: InvalidInput."""
    told = {name: given.get(name) for name in batch_files.SHOWN}
    for name, value in told.items():
        if value is not None and (not isinstance(value, str) or len(value) > 500):
            raise InvalidInput(f"The {name} is no text of 500 characters at most.", "Shorten it.", name)
        if value:
            asking.check_text(name, value)
    return PutUp(title=told["title"], note=told["note"])


def submit(session: Session, jobs: Jobs, form: BatchForm) -> BatchSubmitted:
    """Ask all rows of a form in one transaction. Raises: InvalidInput for a wrong row, unless those are left out.

    The same queries again are the same batch. Queries that were there already are part of it, not asked again.
    """
    found = checked(session, form)
    if found.faults and (not form.leave_out or not found.ready):
        first = found.faults[0]
        where = f"Line {first.line}{f', {first.field}' if first.field else ''}"
        wrong = len({fault.line for fault in found.faults})
        raise InvalidInput(
            f"{wrong} of {found.rows} rows cannot be asked. {where}: {first.problem}",
            f"{first.remedy} POST /api/v1/batches/check lists every fault; `leave_out` asks the other rows.",
            "text" if form.rows is None else "rows",
        )
    begin_write(session)
    stored = _stored(session, found.ready)
    batch = _batch(session, form, stored, found.rows - len(found.ready))
    session.commit()
    added = [run for _, asked in stored for run in asked.added]
    _enqueue(jobs, added, {asked.query.id: asked.query for _, asked in stored})
    return BatchSubmitted(
        id=batch.id,
        url=f"/batches/{batch.id}",
        queries=batch.queries,
        runs=len({run for ready, asked in stored for run in _run_ids(ready, asked)}),
        existing=len({asked.query.id for _, asked in stored} - {run.query_id for run in added}),
        left_out=batch.left_out,
    )


def _stored(session: Session, rows: list[Ready]) -> list[tuple[Ready, Asked]]:
    """The queries of all rows; those that were asked before are read together, and not one by one."""
    prompts = {ready.form.prompt for ready in rows}
    ids = selectinload(Query.runs).load_only(Run.id)
    before = session.scalars(select(Query).where(Query.prompt.in_(prompts)).options(ids))
    known = {query.id: query for query in before}
    found: list[tuple[Ready, Asked]] = []
    with session.no_autoflush:
        for ready in rows:
            if ready.listed is not None:
                # The next row may give the same candidates, and must find them.
                session.flush()
            asked = storing.store(session, ready.form, ready.listed, ready.put_up, known=known)
            found += [(ready, one) for one in asked]
    session.flush()
    return found


def _run_ids(ready: Ready, asked: Asked) -> list[str]:
    settings = RunSettings.of(ready.form.settings)
    return [identity.run_id(asked.query.id, model, settings) for model in dict.fromkeys(ready.form.models)]


def _batch(session: Session, form: BatchForm, stored: list[tuple[Ready, Asked]], left_out: int) -> Batch:
    """The row of the batch, and of each of its runs; a query that several lines ask has the place of the first."""
    runs: dict[str, dict[str, int]] = {}
    for ready, asked in stored:
        mine = runs.setdefault(asked.query.id, {})
        for run in _run_ids(ready, asked):
            mine.setdefault(run, ready.line)
    key = identity.batch_id([list(one) for one in runs.values()])
    batch = session.get(Batch, key)
    if batch is not None:
        batch.label = form.label or batch.label
        return batch
    batch = Batch(id=key, label=form.label, queries=len(runs), left_out=left_out)
    session.add(batch)
    session.flush()
    session.add_all(
        BatchRun(batch=key, position=place, run=run, line=line)
        for place, mine in enumerate(runs.values(), start=1)
        for run, line in mine.items()
    )
    return batch


def _enqueue(jobs: Jobs, added: list[Run], asked: dict[str, Query]) -> None:
    """Enqueue the first run of each scan: those that can share it join it, and a worker's sweep finds what is left.

    A job for each of a thousand runs would take seconds, and nearly all would find their work done.
    """
    first: dict[tuple[object, ...], Run] = {}
    for run in added:
        query = asked[run.query_id]
        shared = (run.model, query.corpus, query.scope, query.candidates, repr(run.settings))
        first.setdefault(shared, run)
    for run in first.values():
        # A person who asks a single question does not wait for a file of them.
        storing.enqueue(jobs, run, urgent=False)


def find(session: Session, batch_id: str) -> Batch:
    """The batch's row, or NotFound."""
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound(f"There is no batch {batch_id!r}.", "Look at /batches for those there are.")
    return batch


def cancel(session: Session, batch_id: str) -> int:
    """Cancel every run of a batch that has not ended; returns how many. Workers notice within a second or so.

    Their jobs stay in the queue: each returns at once when it is reached.
    """
    find(session, batch_id)
    begin_write(session)
    runs = list(session.scalars(_runs(batch_id, UNDER_WAY).with_for_update(of=Run)))
    for run in runs:
        queries.stop(run)
    session.commit()
    return len(runs)


def retry(session: Session, jobs: Jobs, batch_id: str) -> int:
    """Queue every failed or cancelled run of a batch once more; returns how many."""
    find(session, batch_id)
    begin_write(session)
    runs = list(session.scalars(_runs(batch_id, ENDED_BADLY).with_for_update(of=Run)))
    for run in runs:
        queries.again(run)
    session.commit()
    asked = {query.id: query for query in session.scalars(_queries(batch_id))}
    _enqueue(jobs, runs, asked)
    return len(runs)


def _runs(batch_id: str, states: tuple[str, ...]) -> Any:
    mine = select(BatchRun.run).where(BatchRun.batch == batch_id)
    return select(Run).where(Run.id.in_(mine), Run.state.in_(states)).order_by(Run.queued_at, Run.id)


def _queries(batch_id: str) -> Any:
    mine = select(Run.query_id).join(BatchRun, BatchRun.run == Run.id).where(BatchRun.batch == batch_id)
    return select(Query).where(Query.id.in_(mine))


def counts(session: Session, batch_id: str) -> Counter[str]:
    """How many runs of a batch are in each state."""
    chosen = select(Run.state, func.count()).join(BatchRun, BatchRun.run == Run.id).where(BatchRun.batch == batch_id)
    return Counter({str(state): int(number) for state, number in session.execute(chosen.group_by(Run.state)).all()})
