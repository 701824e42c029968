"""Rows of the fit: its two passes, its eigendecompositions, in float32 and with bfloat16 statistics."""

from benchmarks.bench import Bench, StageClock, agreement, kronfluence
from benchmarks.machine import Measured, Parts, measure
from benchmarks.rows import FLOORS, Row
from benchmarks.subject import Settings
from engine import FactorConfig, Factors, fit_factors, score

STAGES = {
    "covariances": "covariance pass",
    "eigenvectors": "eigendecompositions",
    "eigenvalues": "eigenvalue pass",
}
PASSES = ("covariances", "eigenvalues")


def fit(settings: Settings) -> list[Row]:
    """Both passes together, each alone, and the eigendecompositions, beside kronfluence's."""
    bench = Bench.of(settings)
    sides = {"floor": bench.floor, "engine": lambda: timed_fit(bench, FactorConfig(batch_tokens=settings.batch_tokens))}
    other = kronfluence(settings)
    absent = other if isinstance(other, str) else ""
    if not isinstance(other, str):
        sides["kronfluence"] = other.fit
    found = measure(sides, settings.repeats, settings.device, frozenset({"kronfluence"}))
    rows = [_row("fit passes", "fit, covariance and eigenvalue pass together", PASSES, found, absent)]
    return rows + [_row(f"fit, {words}", f"fit, {words}", (stage,), found, absent) for stage, words in STAGES.items()]


def fit_in_bfloat16(settings: Settings) -> list[Row]:
    """The same with bfloat16 statistics, and how the scores agree."""
    bench = Bench.of(settings)
    key, work = "fit passes, bfloat16", "fit with bfloat16 statistics, covariance and eigenvalue pass together"
    config = FactorConfig(batch_tokens=settings.batch_tokens, precision="bfloat16")
    sides = {"floor": bench.floor, "engine": lambda: timed_fit(bench, config)}
    found = measure(sides, settings.repeats, settings.device)
    return [_row(key, work, PASSES, found, _agreement(bench, config))]


def timed_fit(bench: Bench, config: FactorConfig) -> Parts:
    """A fit, and the seconds of its stages."""
    clock = StageClock()
    fit_factors(bench.model, bench.corpus, config, progress=clock)
    return clock.parts()


def _row(key: str, work: str, stages: tuple[str, ...], found: dict[str, Measured], note: str) -> Row:
    floor, engine, other = found["floor"].median, found["engine"], found.get("kronfluence")
    seconds = engine.part(*stages)
    # Only products are counted, so an eigendecomposition has no figure of its own.
    whole = stages == PASSES
    return Row(
        key,
        work,
        FLOORS,
        seconds / floor,
        seconds,
        len(engine.seconds),
        None if other is None else other.part(*stages) / floor,
        engine.flops / seconds if whole else None,
        note,
    )


def _agreement(bench: Bench, config: FactorConfig) -> str:
    def scores(factors: Factors) -> object:
        prepared = bench.prepared(factors, 8, bench.config())
        return score(bench.model, factors, prepared, bench.corpus, bench.config()).sequence

    exact = scores(fit_factors(bench.model, bench.corpus, FactorConfig(batch_tokens=config.batch_tokens)))
    return agreement(exact, scores(fit_factors(bench.model, bench.corpus, config)))  # type: ignore[arg-type]
