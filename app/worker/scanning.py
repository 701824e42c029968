"""The middle of a scan: one shard, scored by whichever worker takes it, and its result stored once."""

import time
from dataclasses import dataclass

from sqlalchemy import select, update

from app.columns import now
from app.database import writing
from app.models import Run, Scan, ScanShard
from app.services import units
from app.services.shapes import ProvisionalRow
from app.worker import scans, translate
from app.worker.preparing import Ready
from app.worker.progress import ScanReport, ShardReport, scan_progress
from app.worker.tools import Tools, silent
from engine import Hit, Influences

PROVISIONAL = 10


@dataclass(frozen=True)
class Scanning:
    """One worker's way of scanning shards; each may be repeated after a crash without doing its work twice."""

    tools: Tools

    def shard(self, scan_id: str, number: int) -> bool:
        """Scan one shard, unless that is done; False when nobody wants the scan any more."""
        sessions = self.tools.sessions
        scan = self.tools.scan(scan_id)
        with sessions() as session:
            shard = session.get_one(ScanShard, (scan_id, number))
        if shard.finished_at is not None:
            return True
        if not scans.wanted(sessions, scan_id):
            return False
        report = ScanReport(sessions, scan_id)
        ready = self.tools.ready(scan, silent)
        reach = self.tools.reach(scan, ready)
        work = self.tools.work(scan, ready)
        began = time.monotonic()
        found = reach.scored(work, shard.start, shard.stop, ShardReport(report, number))
        self._keep(scan, shard, found, time.monotonic() - began)
        self._show(scan, reach.offset(shard.start), found, ready)
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
                worker=self.tools.preparation.worker,
                finished_at=now(),
            )
        )
        with writing(self.tools.sessions) as session:
            session.execute(written)

    def _show(self, scan: Scan, offset: int, found: Influences, ready: Ready) -> None:
        """Bring the provisional top ten of each run up to date."""
        n = units.training_sequences(ready.row, ready.corpus.name, len(ready.sequences), ready.cut.tokens)
        texts = self.tools.texts(scan, ready)
        with writing(self.tools.sessions) as session:
            for run in scans.asked(session, scan):
                row = session.scalars(select(Run).where(Run.id == run.run_id).with_for_update()).one()
                hits = found.positive[run.index][:PROVISIONAL]
                fresh = [_provisional(hit, offset, n, texts) for hit in hits]
                row.partial = sorted([*row.partial, *fresh], key=lambda one: -one["influence"])[:PROVISIONAL]
                row.version += 1


def _provisional(hit: Hit, offset: int, n: int | None, texts: translate.Readable) -> dict[str, object]:
    document, snippet = texts.glimpse(hit.index + offset)
    shown = ProvisionalRow(
        sequence_id=hit.index + offset,
        document=document,
        influence=hit.score,
        nats_per_copy=units.nats_per_copy(hit.score, n),
        snippet=snippet,
    )
    return shown.model_dump()
