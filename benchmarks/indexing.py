"""Rows of the gradient index: an indexed query against the full scan, and the lookup alone."""

import tempfile
from pathlib import Path

from app.demo import bundle
from app.worker.candidates import candidates_for
from benchmarks import demo, subject
from benchmarks.bench import Bench, side
from benchmarks.machine import measure
from benchmarks.rows import FASTER, Row
from benchmarks.scanning import Sides
from benchmarks.subject import Settings
from engine import (
    FactorConfig,
    Factors,
    LanguageModel,
    Query,
    ScoreConfig,
    Sequence,
    fit_factors,
    prepare,
    rescore,
    score,
)
from engine.pipeline.index_search import shard_influences
from engine.pipeline.indexed import build_index, search
from engine.pipeline.whitened import Whitening
from engine.storage.gradient_index import GradientIndex
from engine.terms import silent

KEEP = 10
# As the product takes them: so many of each sign are scored exactly.
CANDIDATES = candidates_for(KEEP)
PROBES = 20


def index_on_the_demo(settings: Settings) -> list[Row]:
    """One query over the demo corpus: candidates from the index and their exact scores, against the full scan."""
    model = demo.load(settings.demo_model)
    corpus = demo.sequences(model)
    factors = fit_factors(model, corpus, FactorConfig(batch_tokens=2048))
    asked = demo.queries(bundle.planted()[:: max(1, len(bundle.planted()) // PROBES)][:PROBES])
    config = ScoreConfig(top_k=KEEP, per_token=False, batch_tokens=2048)
    with tempfile.TemporaryDirectory() as folder:
        index = build_index(model, factors, corpus, Path(folder) / "index")
        sides: Sides = {
            "scan": side(score, model, factors, asked[:1], corpus, config),
            "index": side(_indexed, model, factors, index, asked[0], corpus),
        }
        found = measure(sides, settings.repeats, settings.device)
        exact = score(model, factors, asked, corpus, config)
        candidates = search(model, factors, index, asked, CANDIDATES)
        shares = [
            len({hit.index for hit in hits} & {*each.positive, *each.negative}) / max(len(hits), 1)
            for hits, each in zip(exact.positive, candidates, strict=True)
        ]
        held = index.bytes_per_sequence
    recall = sum(shares) / len(shares)
    scanned, indexed = found["scan"], found["index"]
    work = (
        f"indexed query, exact re-scoring included, against the full scan ({len(corpus)} sequences, "
        f"model {settings.demo_model}, {CANDIDATES} candidates of each sign)"
    )
    ratio, rounds = scanned.median / indexed.median, len(indexed.seconds)
    note = f"{held} bytes a sequence; full scan {scanned.median:.2f} s"
    entries = sum(sum(model.dimensions(name)) for name in model.tracked)
    size = held / entries
    spread = f"mean of {len(shares)} queries, least {min(shares):.2f}"
    return [
        Row("indexed query", work, FASTER, ratio, indexed.median, rounds, note=note),
        Row("index recall at 10", f"the same, recall of the exact top {KEEP}", "share", recall, note=spread),
        Row("index size", "the same, index size a sequence over the sum of (in + out)", "bytes", size),
    ]


def _indexed(
    model: LanguageModel, factors: Factors, index: GradientIndex, query: Query, corpus: list[Sequence]
) -> None:
    (found,) = search(model, factors, index, [query], CANDIDATES)
    chosen = [corpus[i] for i in (*found.positive, *found.negative)]
    config = ScoreConfig(batch_tokens=2048)
    rescore(model, factors, prepare(model, factors, [query], config), chosen, config)


def lookup(settings: Settings) -> list[Row]:
    """Looking one query up in the index of the subject's corpus, a sequence, against scanning a sequence."""
    bench = Bench.of(settings)
    factors = bench.factors()
    config = bench.config()
    prepared = bench.prepared(factors, 1, config)
    whitened = Whitening(bench.model, factors, config.damping).factored_queries(subject.queries(settings, 1), silent)
    with tempfile.TemporaryDirectory() as folder:
        index = build_index(bench.model, factors, bench.corpus, Path(folder) / "index")

        def look_up() -> None:
            for shard in index.read():
                shard_influences(shard, whitened, index.manifest.config.bits)

        sides: Sides = {
            "scan": side(score, bench.model, factors, prepared, bench.corpus, config),
            "lookup": look_up,
        }
        found = measure(sides, settings.repeats, settings.device)
    scan, seconds = found["scan"].median, found["lookup"].median
    note = f"{seconds / settings.sequences * 1e6:.0f} µs a sequence, shards read from disk each time"
    work = f"index lookup alone against the scan, a sequence of {settings.tokens} tokens"
    return [Row("index lookup, a sequence", work, FASTER, scan / seconds, seconds, settings.repeats, note=note)]
