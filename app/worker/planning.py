"""The first step of a scan: make everything ready, prepare the queries, choose what is scored, cut it in shards."""

import time
from collections.abc import Sequence as Series
from dataclasses import dataclass

from sqlalchemy.orm import Session, undefer

from app.database import writing
from app.models import Model, Run, Scan
from app.services import question
from app.services.errors import ServiceError
from app.services.preview import obstacle
from app.worker import scans, translate
from app.worker.candidates import Chooser, Chosen, IndexedChooser, LexicalChooser, union
from app.worker.completing import Completing
from app.worker.indexing import Indexing
from app.worker.preparing import Ready
from app.worker.progress import ModelReport, Report, ScanReport, both
from app.worker.reach import Work
from app.worker.scans import Asked
from app.worker.stopping import Stopped
from app.worker.tools import LISTED, Tools, settings_of
from engine import EngineError, ScoreConfig, Sequence, prepare, score

PROBE_SEQUENCES = 32
# Candidates of an indexed query are few: timing some of them first would cost a good part of scoring all.
INDEXED_SHARD = 512
NO_CANDIDATES = {
    "lexical": "No sequence of the corpus {!r} shares a word with this query, so there is nothing to score.",
    "indexed": "The gradient index of the corpus {!r} names no sequence for this query.",
}
ASK_EVERYTHING = 'Ask it with scope "everything".'


@dataclass(frozen=True)
class _Pass:
    """The runs that a scan answers, in the order of their prepared queries; with candidates, one entry a run."""

    runs: list[Asked]
    chosen: list[Chosen] | None


@dataclass(frozen=True)
class Planning:
    """One worker's way of planning scans."""

    tools: Tools

    def plan(self, scan_id: str, memory_bytes: float) -> int:
        """Load, fit and index if needed, prepare the queries, cut what is scored into shards; returns how many.

        The queries that share the scan are settled only when the model is ready, so that those that came to wait
        meanwhile are answered in the same pass. Their preconditioned gradients take `memory_bytes` at most.
        """
        scan = self.tools.scan(scan_id)
        if scan.shard_sequences is not None:
            with self.tools.sessions() as session:
                return len(scans.shards(session, scan_id))
        report = ScanReport(self.tools.sessions, scan_id)
        clock = time.monotonic()
        ready = self._made_ready(scan, report)
        sequences = self.tools.sequences(scan, ready)
        chooser = self._chooser(scan, ready, report)
        loaded = time.monotonic()
        scans.join(self.tools.sessions, scan_id, memory_bytes)
        scan = self.tools.scan(scan_id)
        self._complete(scan, report)
        passed = self._pass(scan, chooser)
        config = self.tools.config(scan)
        asked = [translate.query(run.query, ready.row) for run in passed.runs]
        prepare(ready.model, ready.factors, asked, config, report).save(self.tools.folder(scan_id))
        seconds = {"loading": loaded - clock, "preparing": time.monotonic() - loaded}
        size = self._shard_size(scan, ready, sequences, config)
        return self._lay_out(scan, ready, passed, sequences, size, seconds)

    def _made_ready(self, scan: Scan, report: ScanReport) -> Ready:
        """The model made ready; one that was not yet says on its own row how far it is, and how it ended."""
        preparation = self.tools.preparation
        with self.tools.sessions() as session:
            row = session.get_one(Model, scan.model)
        if row.state == "ready" or row.corpus != scan.corpus:
            return self._with_words(scan, report)
        preparation.settle(row.name, "preparing")
        try:
            ready = self._with_words(scan, both(report, ModelReport(self.tools.sessions, row.name)))
        except Stopped:
            preparation.settle(row.name, "waiting")
            raise
        except (EngineError, ServiceError) as error:
            preparation.settle(row.name, "failed", error.problem, error.remedy)
            raise
        preparation.settle(row.name, "ready")
        return ready

    def _with_words(self, scan: Scan, report: Report) -> Ready:
        """The model, and what the flags of an answer over the corpus rest on."""
        ready = self.tools.ready(scan, report)
        if scan.scope != LISTED:
            self.tools.preparation.worded(ready, report)
        return ready

    def _chooser(self, scan: Scan, ready: Ready, report: Report) -> Chooser | None:
        """How the scope chooses candidates, with the index it needs; None where everything is scored."""
        preparation = self.tools.preparation
        match scan.scope:
            case "lexical":
                words = preparation.wording.index(ready.cut, ready.sequences, report)
                return LexicalChooser(ready, words, preparation.settings.prefilter_sequences)
            case "indexed":
                return IndexedChooser(ready, Indexing(preparation).index(ready, settings_of(scan), report))
            case _:
                return None

    def _complete(self, scan: Scan, report: Report) -> None:
        """Let completions be written that nobody gave; a run whose writer fails fails by itself."""
        with self.tools.sessions() as session:
            runs = scans.asked(session, scan)
        for run in runs:
            try:
                Completing(self.tools.preparation).complete(run.query, report)
            except (EngineError, ServiceError) as error:
                scans.fail(self.tools.sessions, scan.id, error.problem, error.remedy, only=[run.run_id])

    def _pass(self, scan: Scan, chooser: Chooser | None) -> _Pass:
        runs = self._answerable(scan)
        if not runs:
            raise Stopped("No query of the scan can be asked of its model.")
        if chooser is None:
            return _Pass(runs, None)
        chosen = list(zip(runs, chooser(runs), strict=True))
        empty = [run.run_id for run, one in chosen if not len(one.places)]
        if empty:
            problem = NO_CANDIDATES[scan.scope].format(scan.corpus)
            scans.fail(self.tools.sessions, scan.id, problem, ASK_EVERYTHING, only=empty)
        kept = [(run, one) for run, one in chosen if len(one.places)]
        if not kept:
            raise Stopped("No query of the scan has a candidate.")
        return _Pass([run for run, _ in kept], [one for _, one in kept])

    def _answerable(self, scan: Scan) -> list[Asked]:
        """The runs whose query the model can read; the others fail by themselves, not with the scan."""
        with self.tools.sessions() as session:
            runs = scans.asked(session, scan)
            read = [undefer(Model.tokenizer_json), undefer(Model.chat_template)]
            model = session.get_one(Model, scan.model, options=read)
            problems = {
                run.run_id: obstacle(model, question.of_row(run.query), question.against(run.query)) for run in runs
            }
        for run_id, found in problems.items():
            if found is not None:
                scans.fail(self.tools.sessions, scan.id, found.problem, found.remedy, only=[run_id])
        return [run for run in runs if problems[run.run_id] is None]

    def _shard_size(self, scan: Scan, ready: Ready, sequences: Series[Sequence], config: ScoreConfig) -> int:
        """As many sequences as take about `shard_seconds`, measured on a few."""
        settings = self.tools.preparation.settings
        if settings.shard_sequences is not None:
            return settings.shard_sequences
        if scan.scope == "indexed":
            return INDEXED_SHARD
        if scan.scope == LISTED and len(sequences) <= PROBE_SEQUENCES:
            return PROBE_SEQUENCES
        probe = sequences[:PROBE_SEQUENCES]
        work = Work(ready, self.tools.prepared(scan.id, ready), config)
        took = []
        # The first pass also pays for warming up, and the machine may have been busy elsewhere.
        for _ in range(2):
            began = time.monotonic()
            score(ready.model, ready.factors, work.prepared, probe, work.config)
            took.append(time.monotonic() - began)
        return max(1, min(len(sequences), int(settings.shard_seconds * len(probe) / min(took))))

    def _lay_out(
        self,
        scan: Scan,
        ready: Ready,
        passed: _Pass,
        sequences: Series[Sequence],
        size: int,
        seconds: dict[str, float],
    ) -> int:
        with writing(self.tools.sessions) as session:
            row = session.get_one(Scan, scan.id)
            # From here on the runs' order is that of the prepared queries.
            row.run_ids = [run.run_id for run in passed.runs]
            row.tokenized, row.factors, row.sequences = ready.cut.id, ready.fitted.id, len(sequences)
            row.corpus_sequences = len(ready.sequences)
            row.seconds = seconds
            if passed.chosen is not None:
                row.candidates = union(passed.chosen)
                row.sequences = len(row.candidates)
                _note(session, passed.runs, passed.chosen)
            return scans.lay_out(session, row, size)


def _note(session: Session, runs: list[Asked], chosen: list[Chosen]) -> None:
    """Put each run's candidates on its row, in the transaction that fixes the shards."""
    for run, one in zip(runs, chosen, strict=True):
        row = session.get_one(Run, run.run_id)
        row.candidates, row.selection = one.places, one.selection.model_dump()
