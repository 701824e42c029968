"""One device's work, as the queue calls for it. Nothing raises: what goes wrong ends on the rows it concerns."""

import threading
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Series
from contextlib import contextmanager
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session, sessionmaker

from app.models import Model
from app.services.run_settings import RunSettings
from app.settings import Settings
from app.worker import scans
from app.worker.answering import Answering
from app.worker.checking import Checking
from app.worker.failing import told
from app.worker.indexing import Indexing
from app.worker.loaded import Loaded
from app.worker.planning import Planning
from app.worker.preparing import Preparation
from app.worker.progress import ModelReport
from app.worker.ranking import rank
from app.worker.scanning import Scanning
from app.worker.stopping import Stopped
from app.worker.tools import Tools, silent
from engine import Progress

log = structlog.get_logger("influence.worker")
T = TypeVar("T")
GIGABYTE = 1e9


class DeviceWork:
    """What this worker does for the queue, one thing at a time on its device."""

    def __init__(self, settings: Settings, sessions: sessionmaker[Session], worker: str) -> None:
        self._settings = settings
        self._sessions = sessions
        self._preparation = Preparation(settings, sessions, Loaded(settings), worker)
        self._tools = Tools(self._preparation)
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether the device is at work."""
        return self._lock.locked()

    @property
    def _memory(self) -> float:
        return self._settings.scan_memory_gb * GIGABYTE

    def claim(self, run_id: str, attempt: int, scan_id: str) -> str | None:
        """Take a run and its companions into a scan; None when there is nothing to do."""
        return scans.claim(self._sessions, run_id, attempt, scan_id, self._memory)

    def plan(self, scan_id: str) -> int:
        """Make a scan ready; returns its number of shards, 0 when it is over already."""
        return self._guarded(scan_id, lambda: Planning(self._tools).plan(scan_id, self._memory)) or 0

    def shard(self, scan_id: str, number: int) -> bool:
        """Scan one shard; False when the scan is over: cancelled, or failed."""
        return self._guarded(scan_id, lambda: Scanning(self._tools).shard(scan_id, number)) or False

    def conclude(self, scan_id: str) -> None:
        """Store the answers."""
        self._guarded(scan_id, lambda: Answering(self._tools).conclude(scan_id))

    def fail(self, scan_id: str, problem: str, remedy: str) -> None:
        """End a scan that cannot be finished."""
        scans.fail(self._sessions, scan_id, problem, remedy)
        self._tools.forget(scan_id)

    def rank(self, model: str, corpus: str, asked: Series[tuple[str, str]], keep: int) -> list[list[str]]:
        """Documents by influence on each (prompt, completion), storing nothing. This one does raise."""
        with self._lock:
            found = rank(self._preparation, model, corpus, asked, keep, lambda _: None)
        return [ranking.documents for ranking in found]

    def prepare(self, name: str) -> None:
        """Get a model ready before anyone asks it."""
        with self._lock:
            try:
                self._prepare(name)
            except Exception as error:
                problem, remedy = told(error)
                log.warning("model not ready", model=name, problem=problem)
                self._preparation.settle(name, "failed", problem, remedy)

    def _prepare(self, name: str) -> None:
        report = ModelReport(self._sessions, name)
        self._preparation.settle(name, "preparing")
        with self._sessions() as session:
            corpus = session.get_one(Model, name).corpus
        chosen = RunSettings()
        if corpus is None:
            report(Progress("loading", 0, 1))
            self._preparation.read(name, chosen)
        else:
            ready = self._preparation.ready(name, corpus, chosen, report)
            self._preparation.worded(ready, report)
        self._preparation.settle(name, "ready")
        log.info("model ready", model=name)

    def index(self, model: str, corpus: str) -> None:
        """Make the gradient index of a model over a corpus before anyone asks for it."""
        indexing = Indexing(self._preparation)
        with self._lock:
            try:
                self._index(indexing, model, corpus)
            except Exception as error:
                problem, remedy = told(error)
                log.warning("index not made", model=model, corpus=corpus, problem=problem, exc_info=True)
                indexing.settle(model, corpus, "failed", problem, remedy)

    def _index(self, indexing: Indexing, model: str, corpus: str) -> None:
        chosen = RunSettings()
        indexing.settle(model, corpus, "preparing")
        ready = self._preparation.ready(model, corpus, chosen, indexing.report(model, corpus, chosen))
        indexing.index(ready, chosen, silent)
        indexing.settle(model, corpus, "ready")
        log.info("index ready", model=model, corpus=corpus)

    def check(self, check_id: str, attempt: int) -> None:
        """Make a check of a kept sequence."""
        with self._lock:
            try:
                Checking(self._preparation).check(check_id, attempt)
                log.info("check made", check=check_id)
            except Exception as error:
                # It stands on the check's row already.
                log.warning("check failed", check=check_id, problem=told(error)[0], exc_info=True)

    def _guarded(self, scan_id: str, work: Callable[[], T]) -> T | None:
        with self._lock, self._told(scan_id):
            return work()
        return None

    @contextmanager
    def _told(self, scan_id: str) -> Iterator[None]:
        try:
            yield
        except Stopped:
            log.info("scan not wanted any more", scan=scan_id)
            self._tools.forget(scan_id)
        except Exception as error:
            problem, remedy = told(error)
            log.warning("scan failed", scan=scan_id, problem=problem, exc_info=True)
            self.fail(scan_id, problem, remedy)
