"""How soon a counterfactual check settles: its measured change by sample size and by iterations.

`python -m benchmarks.check_settling` checks the heaviest and the tenth sequence of a gallery query on the medium model
with the sample that the worker draws, and writes docs/studies/check-settling.json.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from app.demo import bundle
from app.worker.check_sample import Sample, sampled
from benchmarks import demo
from benchmarks.machine import describe
from engine import Factors, LanguageModel, Query, ScoreConfig, Sequence, fit_factors, score
from engine.pipeline.counterfactual import CounterfactualConfig, counterfactual

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "check-settling.json"
SAMPLES = (64, 128, 256)
ITERATIONS = (12, 24, 48)
RANKS = (1, 10)
Row = dict[str, Any]


def solve(
    model: LanguageModel, factors: Factors, asked: Query, corpus: list[Sequence], place: int, sample: Sample, most: int
) -> Row:
    """One check of so many iterations: what it measured, what was left, and the seconds it took."""
    began = time.monotonic()
    config = CounterfactualConfig(iterations=most, tolerance=0.0)
    found = counterfactual(
        model, factors, [asked], corpus[place], sample.sequences, len(corpus), config, weights=sample.weights
    )
    return {
        "iterations": most,
        "predicted": round(found.predicted[0], 5),
        "measured": round(found.measured[0], 5),
        "residual": round(found.residual, 3),
        "seconds": round(time.monotonic() - began),
    }


def main() -> None:
    """Check both sequences at every size and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="medium")
    parser.add_argument("--query", default="seven-times-eight")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    model = demo.load(options.model)
    corpus = demo.sequences(model)
    factors = fit_factors(model, corpus)
    (asked,) = demo.queries([query for query in bundle.gallery() if query.name == options.query])
    hits = score(model, factors, [asked], corpus, ScoreConfig(top_k=50, per_token=False)).positive[0]
    rows = []
    for rank in RANKS:
        place = hits[rank - 1].index
        for size in SAMPLES:
            sample = sampled(corpus, [place, *(hit.index for hit in hits if hit.index != place)], size)
            solves = [solve(model, factors, asked, corpus, place, sample, most) for most in ITERATIONS]
            rows.append({"rank": rank, "averaged_over": len(sample.sequences), "solves": solves})
            print(json.dumps(rows[-1]), flush=True)
    results = {
        "made": describe(),
        "command": f"python -m benchmarks.check_settling --model {options.model} --query {options.query}",
        "query": options.query,
        "rows": rows,
    }
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
