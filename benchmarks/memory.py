"""Rows of memory: the peak of a scan over the bare floor's, each in a fresh process, above the loaded model."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from benchmarks.bench import FEW, Bench
from benchmarks.machine import forget_peak, peak_mebibytes, resident_mebibytes, trim
from benchmarks.rows import MEMORY, Row
from benchmarks.scanning import EIGHT, PRECISIONS
from benchmarks.subject import Settings
from engine import Factors, PreparedQueries, score
from engine.terms import Precision

ROOT = Path(__file__).parent.parent
# Resident memory is counted in pages of this many MiB.
PAGE = 4 / 1024


@dataclass(frozen=True, slots=True)
class Job:
    """What a fresh process is to do: nothing but the floor, or a scan of this many queries."""

    side: str
    queries: int = 0
    rank: int | None = None
    per_token: bool = False
    top_k: int | None = None
    precision: Precision = "float32"

    @property
    def words(self) -> str:
        """What the row says of it."""
        rank = "full rank" if self.rank is None else f"rank {self.rank}"
        return f"peak memory of a scan, {self.queries} queries, {rank}{', token scores of all' * self.per_token}"


@dataclass(frozen=True, slots=True)
class Peak:
    """MiB: held before the pass begins, of which by the prepared queries; the most held; and seconds of the pass."""

    before: float
    prepared: float
    peak: float
    seconds: float

    @property
    def above(self) -> float:
        """What the pass itself needs at its peak, besides the model, the factors and the prepared queries."""
        return max(self.peak - self.before, PAGE)


def peaks(settings: Settings) -> list[Row]:
    """Eight queries and many, over the floor."""
    jobs = {
        "memory of a scan": Job("scan", EIGHT, settings.rank, per_token=True),
        "memory of a scan, full rank": Job("scan", EIGHT),
        "memory of a scan, many": Job("scan", max(settings.queries)),
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        keep_factors(settings, Path(folder))
        floor = in_fresh_process(settings, Job("floor"), Path(folder))
        for key, job in jobs.items():
            found = in_fresh_process(settings, job, Path(folder))
            note = f"{describe(found)}; floor {floor.above:.0f} MiB"
            rows.append(Row(key, job.words, MEMORY, found.above / floor.above, note=note))
        rows[0] = _beside_kronfluence(settings, Path(folder), rows[0], floor)
        rows += [_many(settings, precision, Path(folder)) for precision in PRECISIONS]
    return rows


def describe(peak: Peak) -> str:
    """The figures of a peak in words."""
    return f"{peak.above:.0f} MiB above model and queries, queries {peak.prepared:.0f} MiB, process {peak.peak:.0f} MiB"


def keep_factors(settings: Settings, folder: Path) -> None:
    """Factors that all the processes read."""
    Bench.of(settings).factors().save(folder / "factors")


def in_fresh_process(settings: Settings, job: Job, folder: Path) -> Peak:
    """Run one job in a process of its own."""
    message = json.dumps({"settings": asdict(settings), "job": asdict(job), "folder": str(folder)})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", message], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode != 0:
        raise RuntimeError(f"The process that measures {job} failed:\n{done.stderr[-2000:]}")
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def here(settings: Settings, job: Job, folder: Path) -> Peak:
    """Do a job in this process."""
    meter = Meter(settings.device)
    run, prepared = _pass(settings, job, folder)
    before = meter.held()
    meter.forget()
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    return Peak(before, prepared, max(meter.peak(), before), seconds)


@dataclass(frozen=True, slots=True)
class Meter:
    """Memory held now and at most, of the process or of the card, in MiB."""

    device: str

    def held(self) -> float:
        """Now, without what was freed: nothing must be left over for a pass to use unseen."""
        trim()
        return torch.cuda.memory_allocated() / 2**20 if self._card else resident_mebibytes()

    def peak(self) -> float:
        """At most since `forget`."""
        return torch.cuda.max_memory_allocated() / 2**20 if self._card else peak_mebibytes()

    def forget(self) -> None:
        """Begin again."""
        if self._card:
            torch.cuda.reset_peak_memory_stats()
        else:
            forget_peak()

    @property
    def _card(self) -> bool:
        return self.device.startswith("cuda")


def _pass(settings: Settings, job: Job, folder: Path) -> tuple[Callable[[], object], float]:
    if job.side == "kronfluence":
        from benchmarks.reference import Kronfluence

        other = Kronfluence(settings)
        other.fit(FEW)
        low = {"query_gradient_low_rank": job.rank, "query_gradient_accumulation_steps": 10}
        what = {"compute_per_token_scores": job.per_token, "compute_per_module_scores": True}
        return lambda: other.scores(job.queries, settings.sequences, **low, **what), 0.0
    bench = Bench.of(settings)
    if job.side == "floor":
        return bench.floor, 0.0
    factors = Factors.load(folder / "factors")
    config = bench.config(job.rank, per_token=job.per_token, top_k=job.top_k, precision=job.precision)
    prepared = bench.prepared(factors, job.queries, config)
    return lambda: score(bench.model, factors, prepared, bench.corpus, config), mebibytes(prepared)


def mebibytes(prepared: PreparedQueries) -> float:
    """What the matrices of prepared queries hold."""
    parts = [getattr(module, name) for module in prepared.modules.values() for name in module.__dataclass_fields__]
    return float(sum(part.nbytes for part in parts) / 2**20)


def _beside_kronfluence(settings: Settings, folder: Path, row: Row, floor: Peak) -> Row:
    """The row with kronfluence's figure, or with a note of why there is none."""
    if not settings.kronfluence:
        return replace(row, note=f"{row.note}; kronfluence was left out")
    try:
        found = in_fresh_process(settings, Job("kronfluence", EIGHT, settings.rank, per_token=True), folder)
    except RuntimeError as error:
        if "No module named" not in str(error):
            raise
        return replace(row, note=f"{row.note}; kronfluence is not there")
    note = f"{row.note}; kronfluence {found.above:.0f} MiB, its queries among them"
    return replace(row, kronfluence=found.above / floor.above, note=note)


def _many(settings: Settings, precision: Precision, folder: Path) -> Row:
    count = settings.many_queries
    found = in_fresh_process(settings, Job("scan", count, precision=precision), folder)
    suffix = "" if precision == "float32" else f", {precision}"
    key = f"memory of {count} queries{suffix}, GiB"
    work = f"peak memory of the process, scan of {count} queries, full rank{suffix}"
    return Row(key, work, "GiB", found.peak / 1024, found.seconds, 1, note=describe(found))


def main() -> None:
    """Do the job of the message on the command line and print its peak."""
    message = json.loads(sys.argv[1])
    raw = {**message["settings"], "queries": tuple(message["settings"]["queries"])}
    settings = replace(Settings(), **raw)
    print(json.dumps(asdict(here(settings, Job(**message["job"]), Path(message["folder"])))))


if __name__ == "__main__":
    main()
