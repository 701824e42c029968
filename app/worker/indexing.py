"""The gradient index of a model over a corpus: made once, by one pass, and opened by every indexed query after it."""

import shutil
from collections.abc import Sequence as Series
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

import app.models as rows
from app.database import writing
from app.models import StoredIndex
from app.services import indexes, question
from app.services.identity import index_digest
from app.services.preview import obstacle
from app.services.run_settings import RunSettings
from app.worker import translate
from app.worker.arrow import bytes_of
from app.worker.preparing import Preparation, Ready
from app.worker.progress import IndexReport, Report, Stages, both, renamed
from engine import EngineError, GradientIndex, Measurement, Progress, build_index
from engine.storage.gradient_index import Recall

INDEXING = "indexing"
MOST_PROBES = 32


@dataclass(frozen=True)
class Indexing:
    """One worker's way to gradient indexes."""

    preparation: Preparation

    def index(self, ready: Ready, chosen: RunSettings, report: Report) -> GradientIndex:
        """The index that fits the model's factors, made now if nobody has.

        An exception from `report` ends the making; what was written of it is found again by the next attempt.
        """
        stored = self.preparation.leases.once(
            rows.Model,
            ready.row.name,
            find=lambda: self._find(ready, chosen),
            make=lambda: self._make(ready, chosen, report),
            wait=lambda: report(Progress(INDEXING, 0, len(ready.sequences))),
        )
        try:
            opened = self.preparation.loaded.index(self.preparation.home / (stored.path or ""))
            opened.check(ready.model, ready.factors)
        except EngineError as error:
            remedy = f"Make it again: `influence index {ready.row.name} {ready.corpus.name} --again`."
            raise type(error)(error.problem, remedy) from error
        return opened

    def _find(self, ready: Ready, chosen: RunSettings) -> StoredIndex | None:
        with self.preparation.sessions() as session:
            row = indexes.find(session, ready.row.name, ready.corpus.name, chosen)
        if row is None or row.path is None or row.factors != ready.fitted.id:
            return None
        return row if (row.sequences or 0) >= len(ready.sequences) else None

    def _make(self, ready: Ready, chosen: RunSettings, report: Report) -> StoredIndex:
        name = f"{ready.factors.fingerprint[:12]}-{ready.cut.id}-{index_digest(chosen)}"
        folder = self.preparation.home / "indexes" / ready.row.name / name
        self._discard(ready, chosen)
        clock = Stages(both(report, self.report(ready.row.name, ready.corpus.name, chosen)))
        index = build_index(
            ready.model,
            ready.factors,
            ready.sequences,
            folder,
            translate.index_config(chosen, self.preparation.settings),
            self._probes(ready),
            renamed(INDEXING, clock),
        )
        with writing(self.preparation.sessions) as session:
            row, _ = indexes.find_or_add(session, ready.row.name, ready.corpus.name, chosen)
            row.factors, row.path = ready.fitted.id, str(folder.relative_to(self.preparation.home))
            row.fingerprint, row.sequences, row.bytes = index.fingerprint, len(index), bytes_of(folder)
            row.recall, row.negative_recall = as_stored(index.recall), as_stored(index.negative_recall)
            row.seconds = clock.finished()
            row.state, row.stage, row.problem, row.remedy = "ready", "finished", None, None
        return row

    def _discard(self, ready: Ready, chosen: RunSettings) -> None:
        """Remove the whole index that is to be made anew.

        What a crash left of one is kept, and gone on with; so is one whose corpus has grown since.
        """
        with self.preparation.sessions() as session:
            row = indexes.find(session, ready.row.name, ready.corpus.name, chosen)
        if row is None or row.path is None or row.factors == ready.fitted.id:
            return
        shutil.rmtree(self.preparation.home / row.path, ignore_errors=True)
        with writing(self.preparation.sessions) as session:
            session.get_one(StoredIndex, row.id).path = None

    def _probes(self, ready: Ready) -> Series[Measurement]:
        """The gallery's queries about the corpus, on which the index's recall is measured; without any, nothing is."""
        curated = select(rows.Query).where(rows.Query.curated, rows.Query.corpus == ready.corpus.name)
        with self.preparation.sessions() as session:
            asked = session.scalars(curated.order_by(rows.Query.created_at, rows.Query.id)).all()
        fitting = dict.fromkeys(
            translate.query(one, ready.row)
            for one in asked
            if obstacle(ready.row, question.of_row(one), question.against(one)) is None
        )
        return list(fitting)[:MOST_PROBES]

    def report(self, model: str, corpus: str, chosen: RunSettings) -> Report:
        """Progress on the index's own row."""
        return IndexReport(self.preparation.sessions, model, corpus, index_digest(chosen))

    def settle(
        self, model: str, corpus: str, state: str, problem: str | None = None, remedy: str | None = None
    ) -> None:
        """Say on the index's row, if there is one, how its making stands."""
        with writing(self.preparation.sessions) as session:
            row = indexes.find(session, model, corpus, RunSettings())
            if row is not None:
                row.state, row.problem, row.remedy = state, problem, remedy
                row.stage = row.stage if state == "preparing" else "finished"


def as_stored(recall: Recall | None) -> dict[str, Any] | None:
    """A measured recall as rows hold it."""
    return None if recall is None else asdict(recall)
