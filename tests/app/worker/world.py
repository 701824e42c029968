"""A deployment in a temporary folder with a worker's hands but no queue: steps are called one by one."""

from collections.abc import Sequence as Series
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.jobs.client import NullJobs
from app.models import Influence, Run
from app.services import queries, registry, results
from app.services.shapes import InfluenceRow, QueryForm
from app.settings import Settings
from app.worker.device import DeviceWork
from app.worker.documents import Document, add_corpus
from tests.app.tiny import lines

DOCUMENTS = 40


@dataclass
class World:
    """Settings, database, and one worker's work."""

    settings: Settings
    sessions: sessionmaker[Session]
    jobs: NullJobs = field(default_factory=NullJobs)

    def __post_init__(self) -> None:
        self.work = DeviceWork(self.settings, self.sessions, "here")

    @property
    def home(self) -> Path:
        return self.settings.home.resolve()

    def corpus(self, name: str = "towns", count: int = DOCUMENTS) -> None:
        add_corpus(self.sessions, self.home, name, "made", [Document(**vars(line)) for line in lines(count)])

    def model(self, name: str, folder: Path, corpus: str | None = "towns") -> None:
        with self.sessions() as session:
            registry.add_model(session, self.jobs, name, str(folder), corpus=corpus)

    def ask(
        self, completion: str = "opened", models: Series[str] = ("tiny",), keep: int = 5, **changed: object
    ) -> list[str]:
        fields = {"prompt": "The mill of town 8", "corpus": "towns", **changed}
        form = QueryForm.model_validate({**fields, "completion": completion, "models": list(models), "keep": keep})
        with self.sessions() as session:
            asked = queries.submit(session, self.jobs, form)
            runs = queries.get(session, asked.id).runs
        return [run.id for run in runs if run.model in models]

    def answer(self, run: str, attempt: int = 1) -> str | None:
        """What the queue does for a run, without the queue."""
        scan = self.work.claim(run, attempt, run if attempt == 1 else f"{run}.{attempt}")
        if scan is None:
            return None
        for number in range(self.work.plan(scan)):
            self.work.shard(scan, number)
        self.work.conclude(scan)
        return scan

    def run(self, run_id: str) -> Run:
        with self.sessions() as session:
            return session.get_one(Run, run_id)

    def rows(self, run_id: str, sign: str = "positive") -> list[InfluenceRow]:
        with self.sessions() as session:
            return results.influences(session, run_id, sign, 0, 500).rows  # type: ignore[arg-type]

    def stored(self) -> int:
        """How many influences there are, of any run."""
        with self.sessions() as session:
            return session.scalar(select(func.count()).select_from(Influence)) or 0
