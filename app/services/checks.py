"""Checks of kept sequences: asked for once each, looked at, stopped, tried again."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.columns import now
from app.database import begin_write
from app.jobs.client import Jobs, JobsUnavailable
from app.models import Check, Influence, Run
from app.services import results, views
from app.services.errors import Conflict, NotFound
from app.services.identity import check_id
from app.services.shapes import CheckKind, CheckView, Verdict

OPEN = ("queued", "running")
# Below this a change of log p, the difference of two sums in single precision, is rounding.
LEAST_NATS = 2e-6
# Within this factor either way an estimate counts as confirmed.
FACTOR = 2.0
KEPT_ONLY = "Only the heaviest sequences of each sign are kept; ask again with a larger `keep`."


def ask(
    session: Session,
    jobs: Jobs,
    run_id: str,
    sequence_id: int,
    kind: CheckKind = "counterfactual",
    *,
    urgent: bool = True,
) -> CheckView:
    """Let a worker check a kept sequence. The same check is found, not made again; one that ended badly starts anew.

    urgent: whether a person waits; else it comes behind people's queries.
    Raises: NotFound where the run does not keep the sequence, Conflict where the run is not done.
    """
    run = results.done_run(session, run_id)
    _require_kept(session, run, sequence_id)
    begin_write(session)
    key = check_id(run_id, sequence_id, kind)
    row = session.get(Check, key, with_for_update=True)
    if row is not None and row.state not in ("failed", "cancelled"):
        session.rollback()
        return get(session, key)
    if row is None:
        row = Check(id=key, run_id=run_id, sequence_id=sequence_id, kind=kind, attempt=1)
        session.add(row)
    else:
        _again(row)
    session.commit()
    _enqueue(jobs, row, urgent=urgent)
    return get(session, key)


def get(session: Session, check: str) -> CheckView:
    """A check with its result. Raises: NotFound."""
    return _views(session, [_row(session, check)])[0]


def of_run_sequence(session: Session, run_id: str, sequence_id: int) -> list[CheckView]:
    """All checks of a sequence of a run, in the order they were asked for."""
    chosen = select(Check).where(Check.run_id == run_id, Check.sequence_id == sequence_id)
    return _views(session, session.scalars(chosen.order_by(Check.created_at, Check.id)).all())


def of_model(session: Session, model: str, kind: CheckKind = "counterfactual", limit: int = 1_000) -> list[CheckView]:
    """The checks of one kind of all runs of a model, the latest first, in whatever state."""
    chosen = select(Check).join(Run, Run.id == Check.run_id).where(Run.model == model, Check.kind == kind)
    return _views(session, session.scalars(chosen.order_by(Check.created_at.desc(), Check.id).limit(limit)).all())


def unfinished(session: Session, limit: int = 200) -> list[CheckView]:
    """The checks that wait or are under way, in the order of the line."""
    chosen = select(Check).where(Check.state.in_(OPEN)).order_by(Check.queued_at, Check.id).limit(limit)
    return _views(session, session.scalars(chosen).all())


def cancel(session: Session, jobs: Jobs, check: str) -> CheckView:
    """Stop a check that waits or is under way. Raises: NotFound, Conflict where it has ended."""
    begin_write(session)
    row = _row(session, check)
    if row.state not in OPEN:
        session.rollback()
        raise Conflict(f"The check {check!r} is {row.state} already.", "Nothing needs to be stopped.")
    waiting = row.state == "queued"
    row.state, row.stage, row.finished_at = "cancelled", "finished", now()
    session.commit()
    if waiting:
        with suppress(JobsUnavailable):
            jobs.cancel_check(row.id, row.attempt)
    return get(session, check)


def retry(session: Session, jobs: Jobs, check: str) -> CheckView:
    """Start a failed or cancelled check again. Raises: NotFound, Conflict in any other state."""
    begin_write(session)
    row = _row(session, check)
    if row.state not in ("failed", "cancelled"):
        session.rollback()
        raise Conflict(f"The check {check!r} is {row.state}.", "Only one that failed or was cancelled starts again.")
    _again(row)
    session.commit()
    _enqueue(jobs, row, urgent=True)
    return get(session, check)


def verdict(predicted: float, measured: float, *, converged: bool = True) -> Verdict:
    """What a measured change of log p says of the predicted one; both in nats."""
    seen = abs(measured) >= LEAST_NATS
    if not seen and abs(predicted) < LEAST_NATS:
        return "too small"
    if not converged:
        return "not converged"
    if seen and predicted * measured <= 0:
        return "sign differs"
    return "holds" if seen and 1 / FACTOR <= measured / predicted <= FACTOR else "size differs"


def _require_kept(session: Session, run: Run, sequence_id: int) -> None:
    kept = select(Influence.rank).where(Influence.run_id == run.id, Influence.sequence_id == sequence_id).limit(1)
    if session.scalar(kept) is None:
        raise NotFound(f"The run {run.id!r} keeps no sequence {sequence_id}.", KEPT_ONLY)


def _row(session: Session, check: str) -> Check:
    row = session.get(Check, check, populate_existing=True)
    if row is None:
        raise NotFound(f"There is no check {check!r}.", "A sequence's page shows its checks.")
    return row


def _again(row: Check) -> None:
    row.state, row.stage, row.done, row.total, row.problem, row.remedy = "queued", "waiting", 0, 0, None, None
    row.attempt, row.queued_at, row.started_at, row.finished_at = row.attempt + 1, now(), None, None
    row.result = None


def _enqueue(jobs: Jobs, row: Check, *, urgent: bool) -> None:
    # Where the queue is away the row waits, and a worker's sweep finds it.
    with suppress(JobsUnavailable):
        jobs.enqueue_check(row.id, row.attempt, urgent=urgent)


def _views(session: Session, rows: Iterable[Check]) -> list[CheckView]:
    found = list(rows)
    runs = {run.id: run for run in session.scalars(select(Run).where(Run.id.in_({row.run_id for row in found})))}
    return [_view(row, runs[row.run_id]) for row in found]


def _view(row: Check, run: Run) -> CheckView:
    same = ("id", "sequence_id", "kind", "state", "stage", "done", "total", "worker", "device", "seconds")
    moments = ("created_at", "started_at", "finished_at")
    results_of: dict[str, Any] = dict.fromkeys(("counterfactual", "one_step", "erasure"))
    results_of[row.kind] = row.result
    return CheckView.model_validate(
        {
            **{name: getattr(row, name) for name in same + moments},
            **results_of,
            "run": run.id,
            "query": run.query_id,
            "model": run.model,
            "error": views.problem(row.problem, row.remedy),
        }
    )
