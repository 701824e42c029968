"""Rows of the scan: many queries, token and layer scores of all, token scores of the hits, bfloat16."""

from collections.abc import Callable
from dataclasses import replace

from benchmarks.bench import FEW, Bench, agreement, kronfluence, side
from benchmarks.machine import Measured, Parts, measure
from benchmarks.rows import Row, floors
from benchmarks.subject import Settings
from engine import Factors, PreparedQueries, ScoreConfig, score
from engine.terms import Precision

Sides = dict[str, Callable[[], Parts | None]]
EIGHT = 8
PRECISIONS: tuple[Precision, Precision] = ("float32", "bfloat16")


def scan(settings: Settings) -> list[Row]:
    """Sequence and layer scores of all, full rank, for several numbers of queries in one pass."""
    bench = Bench.of(settings)
    factors = bench.factors()
    prepared = bench.prepared(factors, max(settings.queries), bench.config())
    sides: Sides = {"floor": bench.floor}
    for count in settings.queries:
        some = prepared.select(range(count))
        sides[_scan_key(count)] = side(score, bench.model, factors, some, bench.corpus, bench.config())
    found = measure(sides, settings.repeats, settings.device)
    return [
        floors(_scan_key(count), _scan_work(count), found[_scan_key(count)], found["floor"])
        for count in settings.queries
    ]


def scan_many(settings: Settings) -> list[Row]:
    """As many queries as fit, in one pass, kept in float32 and in bfloat16."""
    bench = Bench.of(settings)
    factors = bench.factors()
    rows, scores = [], []
    for precision in PRECISIONS:
        config = bench.config(precision=precision)
        # One precision at a time: the queries of both would not fit in the memory that one is allowed.
        prepared = bench.prepared(factors, settings.many_queries, config)
        scanned = side(score, bench.model, factors, prepared, bench.corpus, config)
        found = measure({"floor": bench.floor, "scan": scanned}, settings.repeats, settings.device)
        scores.append(score(bench.model, factors, prepared, bench.corpus, config).sequence)
        suffix, note = ("", "") if precision == "float32" else (", bfloat16", agreement(*scores))
        key, work = _scan_key(settings.many_queries) + suffix, _scan_work(settings.many_queries) + suffix
        rows.append(floors(key, work, found["scan"], found["floor"], note=note))
        del prepared, scanned
    return rows


def scan_beside_kronfluence(settings: Settings) -> list[Row]:
    """The most queries of `scan` once more, with kronfluence (sequence scores only) in turn."""
    bench = Bench.of(settings)
    factors = bench.factors()
    count = max(settings.queries)
    prepared = bench.prepared(factors, count, bench.config())
    sides: Sides = {
        "floor": bench.floor,
        "engine": side(score, bench.model, factors, prepared, bench.corpus, bench.config()),
    }
    note = add_kronfluence(settings, sides, count)
    found = measure(sides, settings.repeats, settings.device, UNCOUNTED)
    note = note or "kronfluence without layer scores"
    key, work = f"{_scan_key(count)}, beside kronfluence", f"{_scan_work(count)}, beside kronfluence"
    return [floors(key, work, found["engine"], found["floor"], kronfluence_scan(found, settings), note)]


def tokens(settings: Settings) -> list[Row]:
    """Token and layer scores of all sequences, eight queries of a fixed rank."""
    bench = Bench.of(settings)
    factors = bench.factors()
    rank = settings.rank
    wide, narrow = (bench.config(rank, per_token=True, precision=precision) for precision in PRECISIONS)
    sides: Sides = {"floor": bench.floor}
    low = {"query_gradient_low_rank": rank, "query_gradient_accumulation_steps": 10}
    what = {"compute_per_token_scores": True, "compute_per_module_scores": True}
    note = add_kronfluence(settings, sides, EIGHT, **low, **what)
    key = f"tokens, {EIGHT} queries, rank {rank}"
    work = f"scan, {EIGHT} queries at rank {rank}, token and layer scores of all"
    return _both_precisions(bench, factors, (wide, narrow), sides, (key, work, note))


def tokens_at_full_rank(settings: Settings) -> list[Row]:
    """Token scores of all sequences, eight queries at full rank, with layer scores in the engine only."""
    bench = Bench.of(settings)
    factors, config = bench.factors(), bench.config(per_token=True)
    prepared = bench.prepared(factors, EIGHT, config)
    scanned = side(score, bench.model, factors, prepared, bench.corpus, config)
    sides: Sides = {"floor": bench.floor, "engine": scanned}
    note = add_kronfluence(settings, sides, EIGHT, compute_per_token_scores=True) or "kronfluence without layer scores"
    found = measure(sides, settings.repeats, settings.device, UNCOUNTED)
    key = f"tokens, {EIGHT} queries, full rank"
    work = f"scan, {EIGHT} queries, full rank, token scores of all"
    return [floors(key, work, found["engine"], found["floor"], kronfluence_scan(found, settings), note)]


def hits(settings: Settings) -> list[Row]:
    """Sequence and layer scores of all and token scores of the hits, eight queries at full rank.

    The corpus is longer here, so that the hits are as few among it as they are in use.
    """
    bench = Bench.of(settings.but(sequences=3 * settings.sequences))
    factors, top_k = bench.factors(), settings.top_k
    wide, narrow = (bench.config(None, per_token=True, top_k=top_k, precision=precision) for precision in PRECISIONS)
    key = f"hits, {EIGHT} queries, full rank"
    work = (
        f"scan, {EIGHT} queries, full rank, sequence and layer scores of all, token scores of the "
        f"{2 * EIGHT * top_k} hits among {len(bench.corpus)} sequences"
    )
    return _both_precisions(bench, factors, (wide, narrow), {"floor": bench.floor}, (key, work, ""))


UNCOUNTED = frozenset({"kronfluence", "kronfluence, one sequence"})


def add_kronfluence(settings: Settings, sides: Sides, count: int, **arguments: object) -> str:
    """Add kronfluence's sides, or say why not: the whole scan, and one of one sequence (the queries' preparation)."""
    other = kronfluence(settings)
    if isinstance(other, str):
        return other
    other.fit(FEW)
    sides["kronfluence"] = side(lambda: other.scores(count, settings.sequences, **arguments))
    sides["kronfluence, one sequence"] = side(lambda: other.scores(count, 1, **arguments))
    return ""


def kronfluence_scan(found: dict[str, Measured], settings: Settings) -> float | None:
    """kronfluence's seconds for the sequences alone: what all take more than one, scaled to all."""
    if "kronfluence" not in found:
        return None
    more = found["kronfluence"].median - found["kronfluence, one sequence"].median
    return more * settings.sequences / max(settings.sequences - 1, 1)


def _both_precisions(
    bench: Bench,
    factors: Factors,
    configs: tuple[ScoreConfig, ScoreConfig],
    sides: Sides,
    words: tuple[str, str, str],
) -> list[Row]:
    """A row in float32 and one in bfloat16 over the float32 floor; words: the row's key, work and note."""
    settings, (key, work, note) = bench.settings, words
    prepared: list[PreparedQueries] = []
    for config in configs:
        prepared.append(bench.prepared(factors, EIGHT, config))
        sides[config.precision] = side(score, bench.model, factors, prepared[-1], bench.corpus, config)
    found = measure(sides, settings.repeats, settings.device, UNCOUNTED)
    scores = [
        score(bench.model, factors, ready, bench.corpus, replace(config, per_token=False, top_k=None)).sequence
        for ready, config in zip(prepared, configs, strict=True)
    ]
    other = kronfluence_scan(found, settings)
    return [
        floors(key, work, found["float32"], found["floor"], other, note),
        floors(f"{key}, bfloat16", f"{work}, bfloat16", found["bfloat16"], found["floor"], note=agreement(*scores)),
    ]


def _scan_key(count: int) -> str:
    return f"scan, {count} quer{'y' if count == 1 else 'ies'}"


def _scan_work(count: int) -> str:
    return f"{_scan_key(count)}, full rank, sequence and layer scores of all"
