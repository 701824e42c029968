"""Rows of growth: what happens to time and memory with more sequences, more queries, a wider model."""

import tempfile
from pathlib import Path

from benchmarks.bench import Bench, side
from benchmarks.fitting import PASSES, timed_fit
from benchmarks.machine import measure
from benchmarks.memory import Job, in_fresh_process, keep_factors
from benchmarks.rows import FLOORS, Row, floors
from benchmarks.scanning import EIGHT
from benchmarks.subject import Settings
from engine import FactorConfig, score


def growth(settings: Settings) -> list[Row]:
    """Sequences in three sizes, queries in three numbers, widths from half to twice."""
    with tempfile.TemporaryDirectory() as folder:
        keep_factors(settings, Path(folder))
        return [*_sequences(settings, Path(folder)), *_queries(settings, Path(folder)), *_widths(settings)]


def _sequences(settings: Settings, folder: Path) -> list[Row]:
    """A quarter, half and all of the sequences; kept hits only, so that memory has nothing to grow with."""
    rows = []
    for part in (4, 2, 1):
        some = settings.but(sequences=max(1, settings.sequences // part))
        bench = Bench.of(some)
        factors = bench.factors()
        config = bench.config(settings.rank, top_k=settings.top_k)
        prepared = bench.prepared(factors, EIGHT, config)
        scanned = side(score, bench.model, factors, prepared, bench.corpus, config)
        found = measure({"floor": bench.floor, "scan": scanned}, settings.repeats, settings.device)
        peak = in_fresh_process(some, Job("scan", EIGHT, settings.rank, top_k=settings.top_k), folder)
        note = f"{peak.above:.0f} MiB above model and queries"
        work = f"scan of {some.sequences} sequences, {EIGHT} queries at rank {settings.rank}"
        rows.append(floors(f"growth, {some.sequences} sequences", work, found["scan"], found["floor"], note=note))
    return rows


def _queries(settings: Settings, folder: Path) -> list[Row]:
    """Memory and seconds of one pass, fresh process each."""
    few = settings.but(sequences=max(1, settings.sequences // 4))
    floor = in_fresh_process(few, Job("floor"), folder)
    rows = []
    for count in settings.queries:
        peak = in_fresh_process(few, Job("scan", count), folder)
        note = f"{peak.above:.0f} MiB above model and queries, {peak.prepared:.0f} of queries; a process's first pass"
        work = f"scan of {few.sequences} sequences, {count} quer{'y' if count == 1 else 'ies'}, full rank"
        ratio = peak.seconds / floor.seconds
        rows.append(Row(f"growth, {count} queries", work, FLOORS, ratio, peak.seconds, 1, note=note))
    return rows


def _widths(settings: Settings) -> list[Row]:
    """Half, one and two times the width, two layers: the fit and a scan over the floor of that width."""
    rows = []
    for width in (settings.width // 2, settings.width, 2 * settings.width):
        layers = min(2, settings.layers)
        some = settings.but(width=width, layers=layers, sequences=max(1, settings.sequences // 4))
        bench = Bench.of(some)
        factors = bench.factors()
        prepared = bench.prepared(factors, EIGHT, bench.config())
        scanned = side(score, bench.model, factors, prepared, bench.corpus, bench.config())
        found = measure({"floor": bench.floor, "scan": scanned}, settings.repeats, settings.device)
        passes = timed_fit(bench, FactorConfig(batch_tokens=some.batch_tokens))
        seconds = sum(passes[stage] for stage in PASSES)
        words = f"width {width}, {layers} layers"
        work = f"scan, {words}, {EIGHT} queries, full rank"
        rows.append(floors(f"growth, scan, width {width}", work, found["scan"], found["floor"]))
        key, ratio = f"growth, fit, width {width}", seconds / found["floor"].median
        rows.append(Row(key, f"fit's two passes, {words}", FLOORS, ratio, seconds, 1))
    return rows
