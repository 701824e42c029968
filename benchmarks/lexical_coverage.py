"""What the lexical prefilter would have missed on the demo: its coverage of the heaviest sequences of the full scan.

`python -m benchmarks.lexical_coverage` writes docs/studies/lexical-coverage.json: for each group of the demo's queries,
the share of the unfiltered top 10 and top 50 that lies among the best 50, 200 and 1,000 by TF-IDF.
"""

import argparse
import json
import statistics
from collections.abc import Sequence as Series
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.demo import bundle
from benchmarks import demo
from benchmarks.machine import describe
from engine import FactorConfig, LanguageModel, ScoreConfig, Sequence, fit_factors, score
from engine.corpus.encoding import encode_query
from engine.corpus.lexical import LexicalIndex, coverage

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "lexical-coverage.json"
KEPT, HEAVIEST = (50, 200, 1000), (10, 50)


def unfiltered(model: LanguageModel, corpus: list[Sequence], asked: Series[bundle.DemoQuery]) -> list[list[int]]:
    """The 50 sequences of the highest influence on each query, from a scan of everything."""
    factors = fit_factors(model, corpus, FactorConfig())
    influences = score(model, factors, demo.queries(asked), corpus, ScoreConfig(per_token=False)).sequence
    assert influences is not None
    heaviest: list[list[int]] = influences.topk(max(HEAVIEST)).indices.tolist()
    return heaviest


def filtered(model: LanguageModel, corpus: list[Sequence], asked: Series[bundle.DemoQuery]) -> list[list[int]]:
    """The best 1,000 sequences of each query by TF-IDF."""
    with TemporaryDirectory() as folder:
        index = LexicalIndex.build(Path(folder) / "index", corpus)
        queries = [encode_query(model, query).ids for query in demo.queries(asked)]
        return [[place for place, _ in index.best(ids, max(KEPT))] for ids in queries]


def figures(candidates: Series[list[int]], heaviest: Series[list[int]]) -> dict[str, dict[str, float]]:
    """Mean coverage over some queries, by how much is kept, for each top k."""
    return {
        f"top {top}": {
            f"best {kept:,}": round(
                statistics.mean(coverage(c[:kept], h[:top]) for c, h in zip(candidates, heaviest, strict=True)), 3
            )
            for kept in KEPT
        }
        for top in HEAVIEST
    }


def main() -> None:
    """Run the study and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="medium")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    model = demo.load(arguments.model)
    corpus, asked = demo.sequences(model), [*bundle.planted(), *bundle.gallery()]
    heaviest, candidates = unfiltered(model, corpus, asked), filtered(model, corpus, asked)
    groups = [*(f"planted, {query.group}" for query in bundle.planted()), *("gallery" for _ in bundle.gallery())]
    results: dict[str, Any] = {
        "made": describe(),
        "command": f"python -m benchmarks.lexical_coverage --model {arguments.model}",
        "sequences": len(corpus),
        "all queries": {"queries": len(asked), **figures(candidates, heaviest)},
    }
    for group in dict.fromkeys(groups):
        places = [i for i, name in enumerate(groups) if name == group]
        chosen = figures([candidates[i] for i in places], [heaviest[i] for i in places])
        results[group] = {"queries": len(places), **chosen}
    print(json.dumps(results, indent=1))
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
