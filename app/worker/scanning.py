"""Answering: the steps of a scan, each of which may be repeated after a crash without doing its work twice."""

import shutil
import time
from collections.abc import Sequence as Series
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from app.columns import now
from app.database import writing
from app.models import Model, Run, Scan, ScanShard
from app.services.preview import obstacle
from app.services.record import Answer, KeptSequence, Made, record
from app.services.run_settings import RunSettings
from app.services.shapes import ProvisionalRow
from app.worker import scans, translate
from app.worker.preparing import Preparation, Ready
from app.worker.progress import ModelReport, Report, ScanReport, ShardReport, both, scan_progress, shifted
from app.worker.scans import Asked
from app.worker.stopping import Stopped
from engine import EngineError, Hit, Influences, PreparedQueries, Progress, ScoreConfig, prepare, rescore, score
from engine.pipeline.scan import hits_with_terms

PROVISIONAL = 10
PROBE_SEQUENCES = 32


@dataclass(frozen=True)
class Scanning:
    """One worker's way of doing scans."""

    preparation: Preparation

    def plan(self, scan_id: str, memory_bytes: float) -> int:
        """Load, fit if needed, prepare the queries, cut the corpus into shards; returns how many shards.

        The queries that share the scan are settled only when the model is ready, so that those that came to wait
        meanwhile are answered in the same pass. Their preconditioned gradients take `memory_bytes` at most.
        """
        sessions = self.preparation.sessions
        with sessions() as session:
            scan = session.get_one(Scan, scan_id)
            if scan.shard_sequences is not None:
                return len(_shards(session, scan_id))
        report = ScanReport(sessions, scan_id)
        clock = time.monotonic()
        ready = self._made_ready(scan, report)
        loaded = time.monotonic()
        scans.join(sessions, scan_id, memory_bytes)
        with sessions() as session:
            scan = session.get_one(Scan, scan_id)
        runs = self._answerable(scan)
        if not runs:
            raise Stopped("No query of the scan can be asked of its model.")
        config = self._config(scan)
        prepared = prepare(ready.model, ready.factors, [translate.query(run.query) for run in runs], config, report)
        prepared.save(self._folder(scan_id))
        seconds = {"loading": loaded - clock, "preparing": time.monotonic() - loaded}
        size = self._shard_size(scan_id, ready, config)
        return self._lay_out(scan_id, ready, runs, size, seconds)

    def _made_ready(self, scan: Scan, report: ScanReport) -> Ready:
        """The model made ready; one that was not yet says on its own row how far it is, and how it ended."""
        with self.preparation.sessions() as session:
            row = session.get_one(Model, scan.model)
        if row.state == "ready" or row.corpus != scan.corpus:
            return self._ready(scan, report)
        self.preparation.settle(row.name, "preparing")
        try:
            ready = self._ready(scan, both(report, ModelReport(self.preparation.sessions, row.name)))
        except Stopped:
            self.preparation.settle(row.name, "waiting")
            raise
        except EngineError as error:
            self.preparation.settle(row.name, "failed", error.problem, error.remedy)
            raise
        self.preparation.settle(row.name, "ready")
        return ready

    def _ready(self, scan: Scan, report: Report) -> Ready:
        return self.preparation.ready(scan.model, scan.corpus, RunSettings.model_validate(scan.settings), report)

    def _config(self, scan: Scan) -> ScoreConfig:
        chosen = RunSettings.model_validate(scan.settings)
        return translate.score_config(chosen, self.preparation.settings, scan.keep)

    def _folder(self, scan_id: str) -> Path:
        return self.preparation.home / "scans" / scan_id

    def _answerable(self, scan: Scan) -> list[Asked]:
        """The runs whose query the model can read; the others fail by themselves, not with the scan."""
        with self.preparation.sessions() as session:
            runs = scans.asked(session, scan)
            model = session.get_one(Model, scan.model, options=[undefer(Model.tokenizer_json)])
            problems = {run.run_id: obstacle(model, run.query.prompt, run.query.completion) for run in runs}
        for run_id, found in problems.items():
            if found is not None:
                scans.fail(self.preparation.sessions, scan.id, found.problem, found.remedy, only=[run_id])
        return [run for run in runs if problems[run.run_id] is None]

    def _shard_size(self, scan_id: str, ready: Ready, config: ScoreConfig) -> int:
        """As many sequences as take about `shard_seconds`, measured on a few."""
        settings, everything = self.preparation.settings, len(ready.sequences)
        if settings.shard_sequences is not None:
            return settings.shard_sequences
        probe = ready.sequences[:PROBE_SEQUENCES]
        prepared = self.preparation.loaded.prepared(self._folder(scan_id), ready.model)
        took = []
        # The first pass also pays for warming up, and the machine may have been busy elsewhere.
        for _ in range(2):
            began = time.monotonic()
            score(ready.model, ready.factors, prepared, probe, config)
            took.append(time.monotonic() - began)
        return max(1, min(everything, int(settings.shard_seconds * len(probe) / min(took))))

    def _lay_out(self, scan_id: str, ready: Ready, runs: list[Asked], size: int, seconds: dict[str, float]) -> int:
        with writing(self.preparation.sessions) as session:
            scan = session.get_one(Scan, scan_id)
            # From here on the runs' order is that of the prepared queries.
            scan.run_ids = [run.run_id for run in runs]
            scan.tokenized, scan.factors, scan.sequences = ready.cut.id, ready.fitted.id, len(ready.sequences)
            scan.seconds = seconds
            return scans.lay_out(session, scan, size)

    def shard(self, scan_id: str, number: int) -> bool:
        """Scan one shard, unless that is done; False when nobody wants the scan any more."""
        sessions = self.preparation.sessions
        with sessions() as session:
            scan = session.get_one(Scan, scan_id)
            shard = session.get_one(ScanShard, (scan_id, number))
        if shard.finished_at is not None:
            return True
        if not scans.wanted(sessions, scan_id):
            return False
        report = ScanReport(sessions, scan_id)
        ready = self._ready(scan, _silent)
        prepared = self.preparation.loaded.prepared(self._folder(scan_id), ready.model)
        began = time.monotonic()
        part = ready.sequences[shard.start : shard.stop]
        found = score(ready.model, ready.factors, prepared, part, self._config(scan), ShardReport(report, number))
        self._keep(scan, shard, found, time.monotonic() - began)
        self._show(scan, shard.start, found, ready)
        done, total = scan_progress(sessions, scan_id)
        report.write("scanning", done, total, report.pace.seconds_left("scanning", done, total))
        return True

    def _keep(self, scan: Scan, shard: ScanShard, found: Influences, seconds: float) -> None:
        """Store a shard's result once: another worker may have been faster."""
        written = (
            update(ScanShard)
            .where(ScanShard.scan_id == scan.id, ScanShard.number == shard.number, ScanShard.finished_at.is_(None))
            .values(
                payload=found.to_bytes(),
                done=shard.stop - shard.start,
                seconds=seconds,
                worker=self.preparation.worker,
                finished_at=now(),
            )
        )
        with writing(self.preparation.sessions) as session:
            session.execute(written)

    def _show(self, scan: Scan, offset: int, found: Influences, ready: Ready) -> None:
        """Bring the provisional top ten of each run up to date."""
        n = len(ready.sequences)
        texts = translate.texts(self.preparation.home, ready.corpus, ready.cut, ready.row)
        with writing(self.preparation.sessions) as session:
            for run in scans.asked(session, scan):
                row = session.scalars(select(Run).where(Run.id == run.run_id).with_for_update()).one()
                hits = found.positive[run.index][:PROVISIONAL]
                fresh = [_provisional(hit, offset, n, texts) for hit in hits]
                row.partial = sorted([*row.partial, *fresh], key=lambda one: -one["nats_per_copy"])[:PROVISIONAL]
                row.version += 1

    def conclude(self, scan_id: str) -> None:
        """Join the shards, score the hits exactly, and store each run's answer in one transaction."""
        sessions = self.preparation.sessions
        with sessions() as session:
            scan = session.get_one(Scan, scan_id)
            if scan.finished_at is not None:
                return
            payloads = [(shard.start, shard.payload) for shard in _shards(session, scan_id, with_payload=True)]
            scanned = sum(shard.seconds or 0.0 for shard in _shards(session, scan_id))
            runs = scans.asked(session, scan)
        if runs:
            missing = [start for start, payload in payloads if payload is None]
            if missing:
                raise RuntimeError(f"The shards at {missing} of scan {scan_id} are not done.")
            parts = [(start, Influences.from_bytes(payload)) for start, payload in payloads if payload is not None]
            joined = Influences.merge(parts, scan.keep)
            self._answer(scan, runs, joined, {**scan.seconds, "scanning": scanned})
        with writing(sessions) as session:
            scan = session.get_one(Scan, scan_id)
            scans.finish(session, scan, {**scan.seconds, "scanning": scanned})
        self.forget(scan_id)

    def _answer(self, scan: Scan, runs: list[Asked], joined: Influences, seconds: dict[str, float]) -> None:
        ready = self._ready(scan, _silent)
        prepared = self.preparation.loaded.prepared(self._folder(scan.id), ready.model)
        texts = translate.texts(self.preparation.home, ready.corpus, ready.cut, ready.row)
        report = ScanReport(self.preparation.sessions, scan.id)
        total = sum(len(_own(joined, run)) for run in runs)
        before = 0
        for run in runs:
            began = time.monotonic()
            hits = _own(joined, run)
            exact = self._rescored(scan, ready, prepared.select([run.index]), hits, shifted(report, before, total))
            before += len(hits)
            positive, negative = (
                [texts.kept(hit) for hit in translate.ranked(exact, sign, run.query.keep)] for sign in (1, -1)
            )
            took = {**ready.fitted.seconds, **seconds, "rescoring": time.monotonic() - began}
            made = self._made(ready, scan, took)
            answer = _answer(run, ready, prepared.log_p[run.index], joined, positive, negative, made)
            with self.preparation.sessions() as session:
                record(session, answer)

    def _rescored(self, scan: Scan, ready: Ready, one: PreparedQueries, hits: list[Hit], report: Report) -> list[Hit]:
        """The exact terms of the hits of one query."""
        if not hits:
            return []
        chosen = [ready.sequences[hit.index] for hit in hits]
        terms = rescore(ready.model, ready.factors, one, chosen, self._config(scan), report)
        return list(hits_with_terms(terms, [hit.index for hit in hits], [len(s.ids) for s in chosen]))

    def _made(self, ready: Ready, scan: Scan, seconds: dict[str, float]) -> Made:
        return Made(
            training_sequences=len(ready.sequences),
            sequences_scanned=scan.sequences or 0,
            beginning_of_sequence=ready.row.begins_with is not None,
            model_fingerprint=ready.model.fingerprint,
            tokenizer_fingerprint=ready.model.tokenizer_fingerprint or "",
            corpus_fingerprint=ready.cut.fingerprint,
            factors_fingerprint=ready.factors.fingerprint,
            factors_config=dict(ready.fitted.config),
            versions=translate.versions(),
            device=str(ready.model.device),
            worker=self.preparation.worker,
            seconds={stage: round(value, 3) for stage, value in seconds.items()},
        )

    def forget(self, scan_id: str) -> None:
        """Remove the prepared queries of a scan that is over."""
        shutil.rmtree(self._folder(scan_id), ignore_errors=True)


def _silent(_: Progress) -> None:
    """A stage that was told already."""


def _shards(session: Session, scan_id: str, *, with_payload: bool = False) -> Series[ScanShard]:
    chosen = select(ScanShard).where(ScanShard.scan_id == scan_id).order_by(ScanShard.number)
    if with_payload:
        chosen = chosen.options(undefer(ScanShard.payload))
    return session.scalars(chosen).all()


def _provisional(hit: Hit, offset: int, n: int, texts: translate.Texts) -> dict[str, object]:
    document, snippet = texts.glimpse(hit.index + offset)
    shown = ProvisionalRow(
        sequence_id=hit.index + offset, document=document, nats_per_copy=hit.score / n, snippet=snippet
    )
    return shown.model_dump()


def _own(joined: Influences, run: Asked) -> list[Hit]:
    """The hits that are the run's own: as many of each sign as it keeps, whatever the others keep."""
    keep = run.query.keep
    return [*joined.positive[run.index][:keep], *joined.negative[run.index][:keep]]


def _answer(
    run: Asked,
    ready: Ready,
    log_p: float,
    joined: Influences,
    positive: list[KeptSequence],
    negative: list[KeptSequence],
    made: Made,
) -> Answer:
    return Answer(
        run_id=run.run_id,
        log_p=log_p,
        layers=ready.model.layers,
        positive=positive,
        negative=negative,
        summary=translate.summary(joined.summary[run.index]),
        made=made,
    )
