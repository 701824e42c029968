"""Telling how far the work is: at most four writes a second, and the place where a cancellation is noticed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.models import Model, Run, ScanShard, StoredIndex
from app.worker.stopping import Stopped
from engine import Progress

EVERY_SECONDS = 0.25
STAGES = {
    "loading": "loading",
    "tokenizing": "tokenizing",
    "covariances": "fitting",
    "eigenvectors": "fitting",
    "eigenvalues": "fitting",
    "indexing": "indexing",
    "writing": "writing",
    "gradients": "preparing",
    "scanning": "scanning",
    "rescoring": "rescoring",
    "counterfactual": "solving",
    "measuring": "measuring",
}
Report = Callable[[Progress], None]


@dataclass
class Pace:
    """How long a stage will still take, from what this process has seen of it."""

    stage: str = ""
    since: float = 0.0
    began_at: int = 0

    def seconds_left(self, stage: str, done: int, total: int) -> float | None:
        """Seconds until `total`, or None before there is anything to go by."""
        moment = time.monotonic()
        if stage != self.stage or done < self.began_at:
            self.stage, self.since, self.began_at = stage, moment, done
        advanced, took = done - self.began_at, moment - self.since
        return None if advanced <= 0 or took <= 0 else (total - done) * took / advanced


@dataclass
class Throttle:
    """Lets through the first report of a stage, the last one, and otherwise one every quarter of a second."""

    stage: str = ""
    last: float = 0.0

    def passes(self, stage: str, done: int, total: int) -> bool:
        """Whether this report is to be told."""
        moment = time.monotonic()
        if stage == self.stage and moment - self.last < EVERY_SECONDS and done < total:
            return False
        self.stage, self.last = stage, moment
        return True


@dataclass
class ScanReport:
    """The progress of all runs of a scan. Raises Stopped when none of them is wanted any more."""

    sessions: sessionmaker[Session]
    scan_id: str
    pace: Pace = field(default_factory=Pace)
    throttle: Throttle = field(default_factory=Throttle)

    def __call__(self, progress: Progress) -> None:
        if self.throttle.passes(progress.stage, progress.done, progress.total):
            left = self.pace.seconds_left(progress.stage, progress.done, progress.total)
            self.write(STAGES[progress.stage], progress.done, progress.total, left)

    def stage(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Enter a stage that the engine does not report."""
        self.write(stage, done, total, None)

    def write(self, stage: str, done: int, total: int, left: float | None) -> None:
        """Tell it to the rows of the runs that are still wanted."""
        told = (
            update(Run)
            .where(Run.scan_id == self.scan_id, Run.state == "running")
            .values(stage=stage, done=done, total=total, seconds_left=left, version=Run.version + 1)
        )
        with writing(self.sessions) as session:
            result = session.execute(told)
            if result.rowcount == 0:  # type: ignore[attr-defined]
                raise Stopped(f"No run of the scan {self.scan_id} is wanted any more.")


@dataclass
class ShardReport:
    """The progress of one shard, told as the progress of the whole scan: other workers may do other shards."""

    scan: ScanReport
    number: int

    def __call__(self, progress: Progress) -> None:
        if not self.scan.throttle.passes(progress.stage, progress.done, progress.total):
            return
        mine = (ScanShard.scan_id == self.scan.scan_id) & (ScanShard.number == self.number)
        with writing(self.scan.sessions) as session:
            session.execute(update(ScanShard).where(mine, ScanShard.finished_at.is_(None)).values(done=progress.done))
        done, total = scan_progress(self.scan.sessions, self.scan.scan_id)
        self.scan.write("scanning", done, total, self.scan.pace.seconds_left("scanning", done, total))


def scan_progress(sessions: sessionmaker[Session], scan_id: str) -> tuple[int, int]:
    """Sequences done and in all, over the shards of a scan."""
    summed = select(func.sum(ScanShard.done), func.sum(ScanShard.stop - ScanShard.start))
    with sessions() as session:
        done, total = session.execute(summed.where(ScanShard.scan_id == scan_id)).one()
    return int(done or 0), int(total or 0)


@dataclass
class ModelReport:
    """The progress of preparing a model, on the model's own row."""

    sessions: sessionmaker[Session]
    name: str
    throttle: Throttle = field(default_factory=Throttle)

    def __call__(self, progress: Progress) -> None:
        if self.throttle.passes(progress.stage, progress.done, progress.total):
            self.stage(progress.stage, progress.done, progress.total)

    def stage(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Tell the stage and how far it is."""
        told = update(Model).where(Model.name == self.name).values(stage=stage, done=done, total=total)
        with writing(self.sessions) as session:
            session.execute(told)


@dataclass
class IndexReport:
    """The progress of making a gradient index, on its row if it was wished for."""

    sessions: sessionmaker[Session]
    model: str
    corpus: str
    config_digest: str
    throttle: Throttle = field(default_factory=Throttle)

    def __call__(self, progress: Progress) -> None:
        if not self.throttle.passes(progress.stage, progress.done, progress.total):
            return
        mine = (StoredIndex.model == self.model) & (StoredIndex.corpus == self.corpus)
        told = update(StoredIndex).where(mine, StoredIndex.config_digest == self.config_digest)
        with writing(self.sessions) as session:
            session.execute(told.values(stage=progress.stage, done=progress.done, total=progress.total))


class Stages:
    """Passes reports on and keeps how long each stage took."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seconds: dict[str, float] = {}
        self._stage, self._since = "", time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.stage != self._stage:
            self._close(progress.stage)
        self._report(progress)

    def _close(self, following: str) -> None:
        moment = time.monotonic()
        if self._stage:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + moment - self._since
        self._stage, self._since = following, moment

    def finished(self) -> dict[str, float]:
        """Seconds by stage."""
        self._close("")
        return {stage: round(seconds, 3) for stage, seconds in self._seconds.items()}


def both(first: Report, second: Report) -> Report:
    """A report that is told to two."""

    def tell(progress: Progress) -> None:
        first(progress)
        second(progress)

    return tell


def renamed(stage: str, report: Report) -> Report:
    """A report under one name, whatever the engine calls the steps."""

    def tell(progress: Progress) -> None:
        report(Progress(stage, progress.done, progress.total))

    return tell


def shifted(report: Report, before: int, total: int) -> Report:
    """A report of one part of a longer stage: `before` is what was done earlier, `total` what all parts hold."""

    def tell(progress: Progress) -> None:
        report(Progress(progress.stage, before + progress.done, total))

    return tell
