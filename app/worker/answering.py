"""The end of a scan: join its shards, score each run's hits exactly, flag them, and store the answers."""

import time
from collections.abc import Sequence as Series
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.database import writing
from app.models import Scan
from app.services import units
from app.services.record import Answer, KeptSequence, Made, record
from app.worker import scans, translate
from app.worker.flags import Flagging
from app.worker.listed import groups_of
from app.worker.preparing import Ready
from app.worker.progress import Report, ScanReport, shifted
from app.worker.reach import Candidates, Reach
from app.worker.scans import Asked
from app.worker.tools import LISTED, Tools, silent
from engine import Hit, Influences, LexicalIndex, PreparedQueries
from engine.pipeline.scan import rescore_hits

# Scopes whose scores tell nothing of how those of the corpus are spread.
NO_SAMPLE = ("indexed", LISTED)
_FLOAT_BYTES = 4
_GIGABYTE = 1e9


@dataclass(frozen=True)
class _Joined:
    """A scan whose shards are done, with all that its answers are made of."""

    scan: Scan
    ready: Ready
    prepared: PreparedQueries
    reach: Reach
    found: Influences
    seconds: dict[str, float]


@dataclass(frozen=True)
class _Notes:
    """What makes readable, flagged rows of hits."""

    texts: translate.Readable
    groups: NDArray[np.int64]
    words: LexicalIndex | None


@dataclass(frozen=True)
class Answering:
    """One worker's way of concluding scans; an answer is recorded once, however often this is repeated."""

    tools: Tools

    def conclude(self, scan_id: str) -> None:
        """Join the shards, score the hits exactly, and store each run's answer in one transaction."""
        scan = self.tools.scan(scan_id)
        if scan.finished_at is not None:
            return
        with self.tools.sessions() as session:
            shards = scans.shards(session, scan_id, with_payload=True)
            runs = scans.asked(session, scan)
        seconds = {**scan.seconds, "scanning": sum(shard.seconds or 0.0 for shard in shards)}
        if runs:
            missing = [shard.start for shard in shards if shard.payload is None]
            if missing:
                raise RuntimeError(f"The shards at {missing} of scan {scan_id} are not done.")
            ready = self.tools.ready(scan, silent)
            reach = self.tools.reach(scan, ready)
            parts = [
                (reach.offset(shard.start), Influences.from_bytes(shard.payload)) for shard in shards if shard.payload
            ]
            found = Influences.merge(parts, scan.keep)
            self._answer(runs, _Joined(scan, ready, self.tools.prepared(scan.id, ready), reach, found, seconds))
        with writing(self.tools.sessions) as session:
            scans.finish(session, session.get_one(Scan, scan_id), seconds)
        self.tools.forget(scan_id)

    def _answer(self, runs: list[Asked], joined: _Joined) -> None:
        notes, found = self._notes(joined), joined.found
        report = ScanReport(self.tools.sessions, joined.scan.id)
        groups = self._groups(joined, runs)
        total, before = sum(len(_places(found, group)) for group in groups), 0
        for group in groups:
            began = time.monotonic()
            exact = self._rescored(joined, group, shifted(report, before, total))
            before += len(_places(found, group))
            took = time.monotonic() - began
            for run, hits in zip(group, exact, strict=True):
                with self.tools.sessions() as session:
                    record(session, self._recorded(joined, run, hits, notes, took))

    def _notes(self, joined: _Joined) -> _Notes:
        texts = self.tools.texts(joined.scan, joined.ready)
        if joined.scan.scope == LISTED:
            return _Notes(texts, groups_of(joined.reach.sequences), None)
        words, groups = self.tools.preparation.worded(joined.ready, silent)
        return _Notes(texts, groups, words)

    def _groups(self, joined: _Joined, runs: list[Asked]) -> list[list[Asked]]:
        """The runs in groups that are scored together: as many as their terms by layer and token leave room for."""
        room = self.tools.preparation.settings.scan_memory_gb * _GIGABYTE
        groups: list[list[Asked]] = [[]]
        taken = 0.0
        for run in runs:
            tokens = sum(len(joined.reach.sequences[place].ids) for place in _places(joined.found, [run]))
            needed = _FLOAT_BYTES * len(joined.ready.model.layers) * tokens
            if groups[-1] and taken + needed > room:
                groups, taken = [*groups, []], 0.0
            groups[-1].append(run)
            taken += needed
        return groups

    def _rescored(self, joined: _Joined, group: list[Asked], report: Report) -> tuple[tuple[Hit, ...], ...]:
        """The exact terms of the hits of some runs; a sequence that several keep is run once."""
        ready, wanted = joined.ready, [_places(joined.found, [run]) for run in group]
        sequences = {place: joined.reach.sequences[place] for place in _places(joined.found, group)}
        prepared, config = joined.prepared.select([run.index for run in group]), self.tools.config(joined.scan)
        return rescore_hits(ready.model, ready.factors, prepared, sequences, wanted, config, report)

    def _recorded(self, joined: _Joined, run: Asked, hits: Series[Hit], notes: _Notes, rescoring: float) -> Answer:
        ids = translate.query_ids(run.query, joined.ready.row.tokenizer_json or "")
        flagging = Flagging(notes.groups, notes.words, ids)
        positive, negative = (_kept(hits, sign, run, notes.texts, flagging) for sign in (1, -1))
        summary, scanned = joined.found.summary[run.index], _scanned(joined, run)
        log_p, against = joined.prepared.log_p[run.index], joined.prepared.log_p_against[run.index]
        return Answer(
            run_id=run.run_id,
            log_p=log_p + (against or 0.0),
            log_p_against=against,
            layers=joined.ready.model.layers,
            positive=positive,
            negative=negative,
            summary=None if joined.scan.scope in NO_SAMPLE else translate.summary(summary),
            made=self._made(joined, scanned, {**joined.ready.fitted.seconds, **joined.seconds, "rescoring": rescoring}),
        )

    def _made(self, joined: _Joined, scanned: int, seconds: dict[str, float]) -> Made:
        ready = joined.ready
        return Made(
            training_sequences=units.training_sequences(
                ready.row, ready.corpus.name, len(ready.sequences), ready.cut.tokens
            ),
            sequences_scanned=scanned,
            beginning_of_sequence=ready.row.begins_with is not None,
            model_fingerprint=ready.model.fingerprint,
            tokenizer_fingerprint=ready.model.tokenizer_fingerprint or "",
            corpus_fingerprint=ready.cut.fingerprint,
            factors_fingerprint=ready.factors.fingerprint,
            factors_config=dict(ready.fitted.config),
            versions=translate.versions(),
            device=str(ready.model.device),
            worker=self.tools.preparation.worker,
            seconds={stage: round(value, 3) for stage, value in seconds.items()},
        )


def _places(joined: Influences, runs: Series[Asked]) -> list[int]:
    """Where the runs' own hits lie: as many of each sign as each run keeps, whatever the others keep."""
    kept = [signed[run.index][: run.query.keep] for run in runs for signed in (joined.positive, joined.negative)]
    return sorted({hit.index for hits in kept for hit in hits})


def _kept(
    hits: Series[Hit], sign: int, run: Asked, texts: translate.Readable, flagging: Flagging
) -> list[KeptSequence]:
    """The list of one sign by exact score, readable and flagged."""
    return flagging.flagged([texts.kept(hit) for hit in translate.ranked(hits, sign, run.query.keep)])


def _scanned(joined: _Joined, run: Asked) -> int:
    """How many sequences were scored for the run: all, or its own candidates."""
    if isinstance(joined.reach, Candidates):
        return len(joined.reach.own[run.index])
    return len(joined.reach.sequences)
