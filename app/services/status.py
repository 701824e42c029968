"""How the whole installation stands: the line, what is being made, what failed, and what all of it stands on."""

import shutil
import time
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import case, make_url, select
from sqlalchemy.orm import Session, contains_eager

from app.models import Check, Corpus, FactorSet, Model, Query, Run, StoredIndex
from app.services import catalog, checks, factor_files, views
from app.services.shapes import Failure, Finding, FolderSize, LineRun, StatusReport, WorkerView
from app.settings import Settings

MOST_IN_LINE = 50
MOST_FAILURES = 20
FOLDERS = ("corpora", "factors", "indexes", "lexical", "scans")
LOOK_AGAIN_SECONDS = 60.0
LEAST_FREE_GB = 2.0


def report(session: Session, settings: Settings) -> StatusReport:
    """Everything about how things stand."""
    found = catalog.status(session)
    busy = [_doing(session, worker) for worker in found.workers]
    home = settings.home.resolve()
    return StatusReport.model_validate(
        {
            **dict(found),
            "workers": busy,
            "line": line(session),
            "checks": checks.unfinished(session),
            "failures": failures(session),
            **storage(settings),
            "folders": folder_sizes(home, round(time.monotonic() / LOOK_AGAIN_SECONDS)),
            "version": product_version(),
            "findings": findings(session, home, alive=any(worker.alive for worker in busy)),
        }
    )


def product_version() -> str:
    """The product's version; where it is not installed, so said."""
    try:
        return version("influence-explorer")
    except PackageNotFoundError:
        return "from a checkout"


def _doing(session: Session, worker: WorkerView) -> WorkerView:
    """A worker with what it is busy with. A shard of a scan names its worker only once it is done."""
    if not (worker.alive and worker.busy):
        return worker
    model = session.scalar(select(Model.name).where(Model.preparer == worker.name, Model.state == "preparing").limit(1))
    check = session.scalar(select(Check.kind).where(Check.worker == worker.name, Check.state == "running").limit(1))
    running = session.scalar(select(Run.id).where(Run.state == "running").limit(1))
    told = (
        f"preparing {model}"
        if model
        else f"a check ({check.replace('_', ' ')})"
        if check
        else "answering queries"
        if running
        else None
    )
    return worker.model_copy(update={"doing": told})


def line(session: Session) -> list[LineRun]:
    """The runs that go on, then those that wait, in the order in which they will be answered."""
    first = case((Run.state == "running", 0), else_=1)
    chosen = (
        select(Run)
        .join(Run.query)
        .where(Run.state.in_(("queued", "running")))
        .options(contains_eager(Run.query))
        .order_by(first, Query.curated, Run.queued_at, Run.id)
        .limit(MOST_IN_LINE)
    )
    found, position = [], 0
    for run in session.scalars(chosen):
        position += run.state == "queued"
        found.append(_in_line(run, position if run.state == "queued" else None))
    return found


def _in_line(run: Run, position: int | None) -> LineRun:
    same = ("id", "model", "state", "stage", "done", "total", "queued_at")
    return LineRun.model_validate(
        {
            **{name: getattr(run, name) for name in same},
            "query": run.query_id,
            "prompt": run.query.prompt,
            "completion": run.query.completion,
            "position": position,
            "seconds_left": run.seconds_left if run.state == "running" else None,
        }
    )


def failures(session: Session) -> list[Failure]:
    """What ended badly, the newest first; what has no time stands at the end."""
    found = [*_failed_runs(session), *_failed_checks(session), *_failed_things(session)]
    found.sort(key=lambda one: (one.at is None, 0.0 if one.at is None else -one.at.timestamp()))
    return found[:MOST_FAILURES]


def _failure(kind: str, name: str, url: str, row: Run | Check | Model | Corpus | StoredIndex, at: object) -> Failure:
    error = views.problem(row.problem or "It failed without saying why.", row.remedy)
    return Failure.model_validate({"kind": kind, "name": name, "url": url, "error": error, "at": at})


def _failed_runs(session: Session) -> list[Failure]:
    chosen = select(Run).join(Run.query).where(Run.state == "failed").options(contains_eager(Run.query))
    rows = session.scalars(chosen.order_by(Run.finished_at.desc()).limit(MOST_FAILURES))
    return [
        _failure(
            "run", f"{run.query.prompt} → {run.model}", f"/queries/{run.query_id}?run={run.id}", run, run.finished_at
        )
        for run in rows
    ]


def _told(run: Run) -> str:
    return f"{run.query.prompt} → {run.model}"


def _failed_checks(session: Session) -> list[Failure]:
    chosen = select(Check, Run).join(Run, Run.id == Check.run_id).where(Check.state == "failed")
    rows = session.execute(chosen.order_by(Check.finished_at.desc()).limit(MOST_FAILURES)).all()
    return [
        _failure(
            "check",
            f"sequence {check.sequence_id} under {run.model}",
            f"/queries/{run.query_id}/sequences/{check.sequence_id}?run={run.id}",
            check,
            check.finished_at,
        )
        for check, run in rows
    ]


def _failed_things(session: Session) -> list[Failure]:
    models = session.scalars(select(Model).where(Model.state == "failed").order_by(Model.name))
    corpora = session.scalars(select(Corpus).where(Corpus.state == "failed").order_by(Corpus.name))
    indexes = session.scalars(select(StoredIndex).where(StoredIndex.state == "failed").order_by(StoredIndex.id))
    return [
        *(_failure("model", one.name, f"/models/{quote(one.name)}", one, None) for one in models),
        *(_failure("corpus", one.name, f"/corpora/{quote(one.name)}", one, None) for one in corpora),
        *(
            _failure("index", f"{one.model} over {one.corpus}", f"/models/{quote(one.model)}", one, None)
            for one in indexes
        ),
    ]


def storage(settings: Settings) -> dict[str, object]:
    """The database, how large its file is, and how much room the data folder has left."""
    url, home = make_url(settings.database), settings.home.resolve()
    file = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    return {
        "database": url.get_backend_name(),
        "database_bytes": file.stat().st_size if file is not None and file.is_file() else None,
        "free_bytes": shutil.disk_usage(home).free if home.is_dir() else None,
    }


@lru_cache(maxsize=4)
def folder_sizes(home: Path, _turn: int) -> tuple[FolderSize, ...]:
    """What each part of the data folder takes; looked at anew for every turn, since a large one takes a while."""
    return tuple(FolderSize(name=name, bytes=_size(home / name)) for name in FOLDERS if (home / name).is_dir())


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            # A scan's file may be gone by now.
            continue
    return total


def findings(session: Session, home: Path, *, alive: bool) -> list[Finding]:
    """What `influence doctor` looks at, as far as the web server can see it."""
    worker = Finding(what="a worker is alive")
    if not alive:
        worker = Finding(
            what="workers",
            problem="No worker is alive, so queries wait.",
            remedy="Start one with `influence worker`, or everything with `influence up`.",
        )
    return [worker, _room(home), *_factors(session, home), *_indexes(session, home)]


def _room(home: Path) -> Finding:
    if not home.is_dir():
        return Finding(
            what="data folder", problem=f"{home} is not there.", remedy="Choose a folder with INFLUENCE_HOME."
        )
    free = shutil.disk_usage(home).free / 1e9
    few = None if free >= LEAST_FREE_GB else f"Only {free:.1f} GB are free."
    return Finding(what="room on disk", problem=few, remedy="" if few is None else "Make room, or move INFLUENCE_HOME.")


def _factors(session: Session, home: Path) -> list[Finding]:
    rows = session.execute(select(FactorSet.model, FactorSet.path).order_by(FactorSet.id)).all()
    found = []
    for model, path in rows:
        wrong = factor_files.damage(home / path)
        problem = None if wrong is None else f"{wrong.removeprefix(f'{home}/')}."
        remedy = "" if wrong is None else f"Fit them again: `influence model refit {model}`."
        found.append(Finding(what=f"factors of {model}", problem=problem, remedy=remedy))
    return found


def _indexes(session: Session, home: Path) -> list[Finding]:
    rows = session.scalars(select(StoredIndex).where(StoredIndex.state == "ready").order_by(StoredIndex.id))
    return [
        _there(
            f"index of {one.model} over {one.corpus}",
            home / (one.path or ""),
            f"Make it again: `influence index {one.model} {one.corpus} --again`.",
        )
        for one in rows
    ]


def _there(what: str, path: Path, remedy: str) -> Finding:
    return (
        Finding(what=what)
        if path.exists()
        else Finding(what=what, problem=f"{path.name} is gone from the data folder.", remedy=remedy)
    )
