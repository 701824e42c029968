"""The rows of a scan: claiming runs for it, planning its shards, ending it. No engine here."""

from collections.abc import Iterable
from collections.abc import Sequence as Series
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker, undefer

from app.columns import now
from app.database import writing
from app.models import Model, Query, Run, Scan, ScanShard

# Beyond this many a scan's layer totals and kept lists weigh as much as its queries.
MOST_RUNS = 512
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Asked:
    """A run of a scan and what it asks; `index` is its query's place in the prepared queries."""

    index: int
    run_id: str
    query: Query


def claim(sessions: sessionmaker[Session], run_id: str, attempt: int, scan_id: str, memory_bytes: float) -> str | None:
    """Take the run, and all waiting runs that can share its scan, into the scan `scan_id`.

    None when there is nothing to do: another scan has taken the run, or it is over. Asking again with the same
    scan gives the same answer, so a worker that died in between changes nothing.
    """
    with writing(sessions) as session:
        run = session.scalar(select(Run).where(Run.id == run_id).with_for_update())
        if run is None or run.attempt != attempt or run.state not in ("queued", "running"):
            return None
        if run.scan_id is not None:
            return scan_id if run.scan_id == scan_id else None
        _start(session, scan_id, [run, *_companions(session, run, memory_bytes)])
        return scan_id


def join(sessions: sessionmaker[Session], scan_id: str, memory_bytes: float) -> None:
    """Let the runs that came to wait while the model was made ready share the scan too."""
    with writing(sessions) as session:
        scan = session.get_one(Scan, scan_id)
        first = session.get_one(Run, scan.run_ids[0])
        fresh = _companions(session, first, memory_bytes, len(scan.run_ids))
        scan.run_ids = [*scan.run_ids, *(run.id for run in fresh)]
        scan.keep = max([scan.keep, *(session.get_one(Query, run.query_id).keep for run in fresh)])
        _begin(scan_id, fresh)


def _companions(session: Session, run: Run, memory_bytes: float, have: int = 1) -> list[Run]:
    """Waiting runs of the same model, corpus, scope, candidates and settings, as many as fit in memory together."""
    query = session.get_one(Query, run.query_id)
    parameters = session.scalar(select(Model.non_embedding_parameters).where(Model.name == run.model))
    if parameters is None:
        # Nobody has read the model yet, so nobody knows how many fit.
        return []
    most = min(MOST_RUNS, int(memory_bytes / (_FLOAT_BYTES * parameters)))
    chosen = (
        select(Run)
        .join(Query, Query.id == Run.query_id)
        .where(
            Run.id != run.id,
            Run.state == "queued",
            Run.scan_id.is_(None),
            Run.model == run.model,
            Query.corpus == query.corpus,
            Query.scope == query.scope,
            Query.candidates.is_not_distinct_from(query.candidates),
        )
        .order_by(Run.queued_at, Run.id)
        .with_for_update(of=Run, skip_locked=True)
    )
    alike = [other for other in session.scalars(chosen) if other.settings == run.settings]
    return alike[: max(most - have, 0)]


def _start(session: Session, scan_id: str, runs: list[Run]) -> None:
    queries = [session.get_one(Query, run.query_id) for run in runs]
    scan = Scan(
        id=scan_id,
        model=runs[0].model,
        corpus=queries[0].corpus,
        scope=queries[0].scope,
        settings=runs[0].settings,
        run_ids=[run.id for run in runs],
        keep=max(query.keep for query in queries),
    )
    session.add(scan)
    session.flush()
    _begin(scan_id, runs)


def _begin(scan_id: str, runs: list[Run]) -> None:
    for run in runs:
        run.scan_id, run.state, run.stage, run.started_at = scan_id, "running", "loading", now()
        run.done, run.total, run.version = 0, 0, run.version + 1


def asked(session: Session, scan: Scan) -> list[Asked]:
    """The runs of a scan that are still wanted, with their queries."""
    found = session.execute(
        select(Run, Query).join(Query, Query.id == Run.query_id).where(Run.scan_id == scan.id, Run.state == "running")
    )
    by_id = {run.id: query for run, query in found}
    return [Asked(i, run_id, by_id[run_id]) for i, run_id in enumerate(scan.run_ids) if run_id in by_id]


def wanted(sessions: sessionmaker[Session], scan_id: str) -> bool:
    """Whether any run of the scan is still to be answered."""
    chosen = select(Run.id).where(Run.scan_id == scan_id, Run.state == "running").limit(1)
    with sessions() as session:
        return session.scalar(chosen) is not None


def shards(session: Session, scan_id: str, *, with_payload: bool = False) -> Series[ScanShard]:
    """The shards of a scan in their order."""
    chosen = select(ScanShard).where(ScanShard.scan_id == scan_id).order_by(ScanShard.number)
    if with_payload:
        chosen = chosen.options(undefer(ScanShard.payload))
    return session.scalars(chosen).all()


def lay_out(session: Session, scan: Scan, size: int) -> int:
    """Cut the scan into shards of `size` sequences, once and for all; returns how many."""
    scan.shard_sequences = size
    starts = range(0, scan.sequences or 0, size)
    session.add_all(
        ScanShard(scan_id=scan.id, number=number, start=start, stop=min(start + size, scan.sequences or 0))
        for number, start in enumerate(starts)
    )
    return len(starts)


def fail(
    sessions: sessionmaker[Session],
    scan_id: str,
    problem: str,
    remedy: str,
    only: Iterable[str] | None = None,
) -> None:
    """Give the runs of a scan that are still wanted a problem and a remedy, and drop what they showed so far."""
    failed = update(Run).where(Run.scan_id == scan_id, Run.state == "running")
    if only is not None:
        failed = failed.where(Run.id.in_(list(only)))
    with writing(sessions) as session:
        session.execute(failed.values(**_failure(problem, remedy)))


def _failure(problem: str, remedy: str) -> dict[str, Any]:
    return {
        "state": "failed",
        "stage": "finished",
        "problem": problem,
        "remedy": remedy,
        "partial": [],
        "seconds_left": None,
        "finished_at": now(),
        "version": Run.version + 1,
    }


def finish(session: Session, scan: Scan, seconds: dict[str, float]) -> None:
    """Mark the scan done and let go of what it and its shards held; that they were done stays on record."""
    scan.finished_at, scan.seconds, scan.candidates = now(), seconds, None
    session.execute(update(ScanShard).where(ScanShard.scan_id == scan.id).values(payload=None))
