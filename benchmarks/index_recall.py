"""What a gradient index must keep: recall of the exact top ten, bytes and seconds, on the three demo models.

`python -m benchmarks.index_recall` writes docs/studies/index-recall.json. One pass over the corpus a model computes
components and exact scores; every configuration keeps of the same components what it would keep. Then the default
configuration is built for itself, and one query by it is timed against the full scan, part by part.
`--models` and `--parts` run less of it; what was measured before stays in the file.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.demo import bundle
from benchmarks import demo
from benchmarks.machine import describe
from engine import Factors, LanguageModel, Query, ScoreConfig, Sequence, fit_factors, prepare, rescore, score
from engine.maths.components import Components
from engine.model.capture import Captured
from engine.pipeline.index_pass import HEAVIEST, Computed, IndexPass, ShardContents
from engine.pipeline.index_search import look_up, search, shard_influences
from engine.pipeline.indexed import FIRST, build_index
from engine.pipeline.whitened import Whitening
from engine.storage.gradient_index import GradientIndex
from engine.storage.gradient_shard import Shard, ShardHeader
from engine.storage.prepared import Factored
from engine.terms import ByteBudget, FixedRank, IndexConfig, silent

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "index-recall.json"
# Half of the candidates that a query that keeps ten gets.
FEWER = 25
GROUPS_LEFT_OUT = ("alias", "paraphrase", "morphology", "other_language")
MOST = 16

CONFIGS = {
    "rank 1, 8 bits": IndexConfig(keep=FixedRank(1), bits=8),
    "rank 2, 8 bits": IndexConfig(keep=FixedRank(2), bits=8),
    "rank 4, 8 bits": IndexConfig(keep=FixedRank(4), bits=8),
    "rank 4, 4 bits": IndexConfig(keep=FixedRank(4), bits=4),
    "rank 4, 2 bits": IndexConfig(keep=FixedRank(4), bits=2),
    "rank 8, 2 bits": IndexConfig(keep=FixedRank(8), bits=2),
    "1 byte, 2 bits": IndexConfig(keep=ByteBudget(1.0, MOST), bits=2),
    "1.5 bytes, 2 bits": IndexConfig(keep=ByteBudget(1.5, MOST), bits=2),
    "1.9 bytes, 2 bits": IndexConfig(keep=ByteBudget(1.9, MOST), bits=2),
    "2 bytes, 4 bits": IndexConfig(keep=ByteBudget(2.0, MOST), bits=4),
    "3 bytes, 2 bits": IndexConfig(keep=ByteBudget(3.0, MOST), bits=2),
}


def asked() -> list[Query]:
    """Every other one of the forward planted facts and of the gallery."""
    planted = [query for query in bundle.planted() if query.group not in GROUPS_LEFT_OUT]
    return demo.queries([*planted, *bundle.gallery()][::2])


def fitted(model: LanguageModel, corpus: list[Sequence], folder: Path) -> Factors:
    """The factors, fitted once."""
    if not folder.exists():
        fit_factors(model, corpus).save(folder)
    return Factors.load(folder)


def cut(computed: Computed, config: IndexConfig) -> Computed:
    """What a pass of that configuration would have computed: fewer of the same components."""
    few = config.keep.rank if isinstance(config.keep, FixedRank) else config.keep.most_components
    modules = {
        name: Components(found.left[:, :few], found.right[:, :few], found.values[:, :few])
        for name, found in computed.modules.items()
    }
    return replace(computed, modules=modules)


class Unwhitened(Whitening):
    """The whole of eq 21's division on the query's side: sequences are left as they are."""

    def gradients(self, name: str, captured: Captured, rows: slice = slice(None)) -> Iterator[Tensor]:
        """Rotated only."""
        for whitened in super().gradients(name, captured, rows):
            yield whitened / self._weights[name]

    def on_both_sides(self, queries: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Queries that were whitened, whitened once more."""
        return {name: query * self._weights[name] for name, query in queries.items()}


@dataclass(slots=True)
class Subject:
    """A demo model with its corpus and the study's queries."""

    name: str
    model: LanguageModel
    corpus: list[Sequence]
    factors: Factors
    queries: list[Query]

    @property
    def unit(self) -> int:
        """The sum of in and out over the tracked modules."""
        return sum(sum(self.model.dimensions(name)) for name in self.model.tracked)


def computed_shards(
    subject: Subject, whitening: Whitening, configs: Mapping[str, IndexConfig], probes: Mapping[str, Tensor]
) -> tuple[dict[str, Shard], Tensor]:
    """One shard of the whole corpus for each configuration, and exact scores [sequence, query]."""
    sources = {name: IndexPass(subject.model, whitening, config, {}) for name, config in configs.items()}
    widest = IndexConfig(keep=FixedRank(MOST))
    contents = {
        name: ShardContents(source, len(subject.corpus), source.density(subject.corpus, silent))
        for name, source in sources.items()
    }
    exact = torch.zeros(len(subject.corpus), len(subject.queries), dtype=torch.float64)

    def consume(computed: Computed) -> None:
        exact[computed.index] = computed.influences
        for name, each in contents.items():
            each.add(cut(computed, configs[name]))

    IndexPass(subject.model, whitening, widest, probes).run(subject.corpus, consume, "indexing", silent)
    header = ShardHeader("", 0, len(subject.corpus), "", "")
    return {name: Shard(header, each.modules(), each.probe_hits(0)) for name, each in contents.items()}, exact


def shares(exact: Tensor, approximate: Tensor, first: int) -> Tensor:
    """For each query the share of the exact top ten, of those above zero, that lies in the approximate first ones."""
    found = []
    for scores, guesses in zip(exact.T, approximate.T, strict=True):
        best = scores.topk(HEAVIEST)
        wanted = set(best.indices[best.values > 0].tolist())
        found.append(len(wanted & set(guesses.topk(first).indices.tolist())) / len(wanted))
    return torch.tensor(found)


def bytes_of(shard: Shard) -> int:
    """Bytes of counts, scales and codes."""
    parts = [(m.counts, m.scale, m.left, m.right) for m in shard.modules.values()]
    return sum(tensor.numel() * tensor.element_size() for part in parts for tensor in part)


def row(subject: Subject, shard: Shard, queries: Mapping[str, Factored], exact: Tensor, bits: Any) -> dict[str, Any]:
    """Recall and size of one configuration."""
    began = time.perf_counter()
    approximate = shard_influences(shard, queries, bits)
    seconds = time.perf_counter() - began
    positive, negative = shares(exact, approximate, FIRST), shares(-exact, -approximate, FIRST)
    size = bytes_of(shard) / len(subject.corpus)
    return {
        "bytes a sequence": round(size),
        "over the sum of in + out": round(size / subject.unit, 2),
        "recall": round(float(positive.mean()), 3),
        "least": round(float(positive.min()), 2),
        f"recall in the first {FEWER}": round(float(shares(exact, approximate, FEWER).mean()), 3),
        "recall of negative": round(float(negative.mean()), 3),
        "least of negative": round(float(negative.min()), 2),
        f"lookup of {len(subject.queries)} queries, seconds": round(seconds, 2),
    }


def recall_of(subject: Subject) -> dict[str, Any]:
    """Recall and size of every configuration, over the same components."""
    whitening = Whitening(subject.model, subject.factors, IndexConfig().damping)
    shards, exact = computed_shards(subject, whitening, CONFIGS, whitening.queries(subject.queries, silent))
    queries = whitening.factored_queries(subject.queries, silent)
    return {name: row(subject, shard, queries, exact, CONFIGS[name].bits) for name, shard in shards.items()}


def recall_without_whitening(subject: Subject) -> dict[str, Any]:
    """The same for two configurations on gradients that are not whitened."""
    configs = {name: CONFIGS[name] for name in ("rank 4, 8 bits", "1.5 bytes, 2 bits")}
    plain = Unwhitened(subject.model, subject.factors, IndexConfig().damping)
    whitened = Whitening(subject.model, subject.factors, IndexConfig().damping)
    probes = plain.on_both_sides(whitened.queries(subject.queries, silent))
    shards, exact = computed_shards(subject, plain, configs, probes)
    queries = {name: _leading(matrices) for name, matrices in probes.items()}
    return {name: row(subject, shard, queries, exact, configs[name].bits) for name, shard in shards.items()}


def _leading(matrices: Tensor) -> Factored:
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    return Factored(left[:, :, :MOST] * values[:, None, :MOST], right[:, :MOST].transpose(1, 2).contiguous())


@contextmanager
def timed(into: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds inside to `into[name]`."""
    began = time.perf_counter()
    yield
    into[name] = into.get(name, 0.0) + time.perf_counter() - began


def one_query(subject: Subject, folder: Path, repeats: int = 5) -> dict[str, Any]:
    """Seconds of one query through the index, part by part, against the full scan; and of the lookup alone."""
    query, parts, seconds = subject.queries[0], dict[str, float](), dict[str, float]()
    with timed(seconds, "build, with 32 probes"):
        index = build_index(subject.model, subject.factors, subject.corpus, folder, probes=subject.queries[::2][:32])
    indexed(subject, index, query, {})
    for _ in range(repeats):
        indexed(subject, index, query, parts)
    spent = {name: value / repeats for name, value in parts.items()}
    with timed(seconds, "full scan, one query"):
        config = ScoreConfig(top_k=HEAVIEST, per_token=False)
        score(subject.model, subject.factors, [query], subject.corpus, config)
    with timed(seconds, f"search, {len(subject.queries)} queries"):
        search(subject.model, subject.factors, index, subject.queries, FIRST)
    whole = sum(spent.values())
    scanned = seconds["full scan, one query"]
    return {
        "sequences": len(index),
        "bytes a sequence, files": index.bytes_per_sequence,
        **_rounded(seconds),
        "indexed query": _rounded(spent) | {"all": round(whole, 3)},
        "build over scan": round(seconds["build, with 32 probes"] / scanned, 2),
        "scan over indexed query": round(scanned / whole, 1),
        "scan over lookup": round(scanned / spent["lookup"], 1),
        "recall on the index's probes": index.recall and round(index.recall.mean, 3),
    }


def indexed(subject: Subject, index: GradientIndex, query: Query, parts: dict[str, float]) -> None:
    """One query as the product asks it: candidates of both signs from the index, then their exact scores."""
    with timed(parts, "whitened query"):
        whitening = Whitening(subject.model, subject.factors, index.manifest.config.damping)
        factored = whitening.factored_queries([query], silent)
    with timed(parts, "lookup"):
        (found,) = look_up(index, factored, FIRST)
    with timed(parts, "preparing for exact scores"):
        prepared = prepare(subject.model, subject.factors, [query])
    with timed(parts, "exact scores"):
        chosen = [subject.corpus[i] for i in (*found.positive, *found.negative)]
        rescore(subject.model, subject.factors, prepared, chosen)


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in seconds.items()}


PARTS = ("recall", "without whitening", "one query")


def measured(subject: Subject, part: str) -> dict[str, Any]:
    """One part of the study."""
    if part == "recall":
        return recall_of(subject)
    if part == "without whitening":
        return recall_without_whitening(subject)
    with tempfile.TemporaryDirectory() as folder:
        return one_query(subject, Path(folder) / "index")


def main() -> None:
    """Run the parts asked for and write what they gave into the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["small", "medium", "large"])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--factors", type=Path, help="a folder where fitted factors are kept from run to run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results: dict[str, Any] = json.loads(arguments.out.read_text("utf-8")) if arguments.out.exists() else {}
    results |= {"made": describe(), "command": "python -m benchmarks.index_recall"}
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models:
            model = demo.load(name)
            corpus = demo.sequences(model)
            factors = fitted(model, corpus, (arguments.factors or Path(folder)) / name / "factors")
            subject = Subject(name, model, corpus, factors, asked())
            for part in arguments.parts:
                found = results.setdefault(name, {"queries": len(subject.queries)})
                found[part] = measured(subject, part)
                print(json.dumps({name: {part: found[part]}}, indent=1), flush=True)
                arguments.out.parent.mkdir(parents=True, exist_ok=True)
                arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
