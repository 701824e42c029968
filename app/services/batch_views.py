"""How a batch stands: counts by state, and a page of its queries with what each model said."""

from collections import defaultdict
from collections.abc import Sequence as Many
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Batch, BatchRun, Influence, Query, Run
from app.services import batches, cursors, units, views
from app.services.run_settings import RunSettings
from app.services.shapes import BatchList, BatchQueryView, BatchRunView, BatchSummary, BatchTop, BatchView

LIST, ROWS = "batches", "batch rows"
BEGINNING = 160


def listed(session: Session, *, cursor: str | None = None, limit: int = 50) -> BatchList:
    """Batches, the newest first. Raises: InvalidInput for a cursor of another list."""
    chosen = select(Batch).order_by(Batch.created_at.desc(), Batch.id)
    if cursor is not None:
        chosen = chosen.where(cursors.behind(Batch.created_at, Batch.id, *cursors.moment(LIST, None, cursor)))
    rows = list(session.scalars(chosen.limit(limit + 1)))
    last = rows[limit - 1] if len(rows) > limit else None
    following = None if last is None else cursors.after_moment(LIST, None, last.created_at, last.id)
    return BatchList(rows=[summary(session, batch) for batch in rows[:limit]], next=following)


def summary(session: Session, batch: Batch) -> BatchSummary:
    """A batch and the states of its runs."""
    return BatchSummary.model_validate(_summary(session, batch))


def _summary(session: Session, batch: Batch) -> dict[str, Any]:
    states = batches.counts(session, batch.id)
    mine = BatchRun.batch == batch.id
    joined = select(Run.model, func.min(BatchRun.position)).join(BatchRun, BatchRun.run == Run.id).where(mine)
    models = session.execute(joined.group_by(Run.model).order_by(func.min(Run.created_at), Run.model))
    left = select(func.max(Run.seconds_left)).join(BatchRun, BatchRun.run == Run.id).where(mine, Run.state == "running")
    return {
        "id": batch.id,
        "url": f"/batches/{batch.id}",
        "label": batch.label,
        "created_at": batch.created_at,
        "queries": batch.queries,
        "left_out": batch.left_out,
        "runs": states.total(),
        "states": dict(states),
        "seconds_left": session.scalar(left),
        "models": [name for name, _ in models],
    }


def view(
    session: Session, batch_id: str, *, cursor: str | None = None, offset: int = 0, limit: int = 50, top: int = 1
) -> BatchView:
    """A batch with a page of its queries, each run with its `top` heaviest positive sequences. Raises: NotFound."""
    batch = batches.find(session, batch_id)
    [told] = [offset] if cursor is None else cursors.decode(ROWS, batch_id, cursor, (int,))
    behind = min(max(int(told), 0), batch.queries)
    chosen = (
        select(BatchRun, Run, Query)
        .join(Run, Run.id == BatchRun.run)
        .join(Query, Query.id == Run.query_id)
        .where(BatchRun.batch == batch_id, BatchRun.position > behind, BatchRun.position <= behind + limit)
        .order_by(BatchRun.position, Run.created_at, Run.model)
    )
    found = list(session.execute(chosen))
    tops = _tops(session, [run for _, run, _ in found if run.state == "done"], top)
    by_query: dict[int, list[Any]] = defaultdict(list)
    for row in found:
        by_query[row[0].position].append(row)
    last = behind + limit
    return BatchView.model_validate(
        {
            **_summary(session, batch),
            "offset": behind,
            "limit": limit,
            "next": cursors.encode(ROWS, batch_id, [last]) if last < batch.queries else None,
            "rows": [_query(rows, tops) for rows in by_query.values()],
        }
    )


def _query(rows: Many[Any], tops: dict[str, list[BatchTop]]) -> BatchQueryView:
    first, _, query = rows[0]
    return BatchQueryView.model_validate(
        {
            **views.asked(query),
            "id": query.id,
            "position": first.position,
            "line": min(one.line for one, _, _ in rows),
            "title": query.title,
            "runs": [_run(run, tops.get(run.id, [])) for _, run, _ in rows],
        }
    )


def _run(run: Run, top: list[BatchTop]) -> BatchRunView:
    return BatchRunView(
        id=run.id,
        model=run.model,
        settings=RunSettings.model_validate(run.settings).choices,
        state=run.state,
        log_p=run.log_p,
        error=views.problem(run.problem, run.remedy),
        top=top,
    )


def _tops(session: Session, runs: Many[Run], top: int) -> dict[str, list[BatchTop]]:
    """The heaviest positive sequences of each run, by run."""
    if not top:
        return {}
    columns = (Influence.run_id, Influence.rank, Influence.sequence_id, Influence.document, Influence.influence)
    by_id = {run.id: run for run in runs}
    chosen = select(*columns, func.substr(Influence.text, 1, BEGINNING)).where(
        Influence.run_id.in_(by_id), Influence.sign == "positive", Influence.rank <= top
    )
    found: dict[str, list[BatchTop]] = defaultdict(list)
    for run_id, rank, sequence_id, document, influence, text in session.execute(chosen.order_by(Influence.rank)):
        per_copy = units.nats_per_copy(influence, by_id[run_id].training_sequences)
        found[run_id].append(
            BatchTop(
                rank=rank,
                sequence_id=sequence_id,
                document=document,
                influence=influence,
                nats_per_copy=per_copy,
                text=text,
            )
        )
    return found
