"""What every step of a scan needs: model, settings, prepared queries, and the sequences that are passed over."""

import shutil
from collections.abc import Sequence as Series
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker, undefer

from app.models import Query, Run, Scan
from app.services import candidates
from app.services.candidates import Listed
from app.services.run_settings import RunSettings
from app.worker import translate
from app.worker.listed import ListedTexts, sequences_of
from app.worker.preparing import Preparation, Ready
from app.worker.progress import Report
from app.worker.reach import Candidates, Everything, Reach, Work
from engine import PreparedQueries, Progress, ScoreConfig, Sequence

# The scope of a query that gives the texts to be scored itself.
LISTED = "candidates"


@dataclass(frozen=True)
class Tools:
    """One worker's hold on scans; every step may run in another process than the one before."""

    preparation: Preparation

    @property
    def sessions(self) -> sessionmaker[Session]:
        """Sessions on the product's database."""
        return self.preparation.sessions

    def scan(self, scan_id: str) -> Scan:
        """The scan's row with its candidates."""
        with self.sessions() as session:
            return session.get_one(Scan, scan_id, options=[undefer(Scan.candidates)])

    def ready(self, scan: Scan, report: Report) -> Ready:
        """The scan's model with factors, and the sequences that its corpus had when the scan was planned."""
        return self.preparation.ready(scan.model, scan.corpus, settings_of(scan), report, scan.corpus_sequences)

    def config(self, scan: Scan) -> ScoreConfig:
        """How the scan scores."""
        return translate.score_config(settings_of(scan), self.preparation.settings, scan.keep)

    def work(self, scan: Scan, ready: Ready) -> Work:
        """What its stretches are scored with."""
        return Work(ready, self.prepared(scan.id, ready), self.config(scan))

    def prepared(self, scan_id: str, ready: Ready) -> PreparedQueries:
        """The scan's queries as its plan prepared them."""
        return self.preparation.loaded.prepared(self.folder(scan_id), ready.model)

    def listed(self, scan: Scan) -> list[Listed] | None:
        """The candidates that its queries give in place of the corpus; all of them give the same."""
        if scan.scope != LISTED:
            return None
        mine = select(Query.candidates).join(Run, Run.query_id == Query.id).where(Run.id.in_(scan.run_ids))
        with self.sessions() as session:
            return candidates.read(session, session.scalar(mine.limit(1)) or "")

    def sequences(self, scan: Scan, ready: Ready) -> Series[Sequence]:
        """What is scored: the corpus, or the candidates given in its place. Raises CorpusError for one too long."""
        listed = self.listed(scan)
        return ready.sequences if listed is None else sequences_of(listed, ready.row)

    def texts(self, scan: Scan, ready: Ready) -> translate.Readable:
        """The same as a person reads it."""
        listed = self.listed(scan)
        if listed is not None:
            return ListedTexts(listed, ready.row)
        return translate.texts(self.preparation.home, ready.corpus, ready.cut, ready.row)

    def reach(self, scan: Scan, ready: Ready) -> Reach:
        """The sequences it passes over."""
        if scan.candidates is None:
            return Everything(self.sequences(scan, ready))
        chosen = select(Run).where(Run.id.in_(scan.run_ids)).options(undefer(Run.candidates))
        with self.sessions() as session:
            own = {run.id: run.candidates for run in session.scalars(chosen)}
        none = np.zeros(0, dtype=np.int32)
        mine = [_or(own.get(run_id), none) for run_id in scan.run_ids]
        return Candidates(ready.sequences, np.asarray(scan.candidates), mine)

    def folder(self, scan_id: str) -> Path:
        """Where the prepared queries of a scan lie while it runs."""
        return self.preparation.home / "scans" / scan_id

    def forget(self, scan_id: str) -> None:
        """Remove the prepared queries of a scan that is over."""
        shutil.rmtree(self.folder(scan_id), ignore_errors=True)


def _or(found: np.ndarray | None, otherwise: np.ndarray) -> np.ndarray:
    # A run that was cancelled and is asked again has left its candidates behind; this scan answers it no more.
    return otherwise if found is None else found


def settings_of(scan: Scan) -> RunSettings:
    """The choices that shape the numbers of all its runs."""
    return RunSettings.model_validate(scan.settings)


def silent(_: Progress) -> None:
    """A stage that was told already."""
