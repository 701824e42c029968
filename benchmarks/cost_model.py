"""How well the cost model of `engine.maths.cost` foretells what the ways of scoring take.

`python -m benchmarks.cost_model` times every way over a grid of shapes and writes docs/studies/cost-model.json:
for each way the median and the spread of time over predicted cost, how often the model picks the fastest way, and
what its picks lose against always taking the fastest.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import torch

from benchmarks.machine import describe
from engine.maths.cost import Work, by_factors, by_gradients, by_gradients_of_factors, by_tokens
from engine.maths.influence import (
    factored_sequence_influences,
    factored_token_influences,
    sequence_influences,
    token_influences,
)

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "cost-model.json"
WIDTHS = ((385, 1536), (1537, 384), (320, 864), (129, 512))
BATCHES = ((16, 256), (80, 50), (160, 25))
QUERIES = (1, 4, 16, 64)
RANK = 16
# By tokens, 64 queries take minutes and are never the way to go.
MOST_BY_TOKENS = 16


def ways(work: Work) -> Iterator[tuple[str, float, Callable[[], object]]]:
    """Each way of scoring a batch of this shape: its name, its cost by the model, and the work itself."""
    generator = torch.Generator().manual_seed(0)
    d = torch.randn(work.sequences, work.tokens, work.d_out, generator=generator)
    a = torch.randn(work.sequences, work.tokens, work.d_in, generator=generator)
    left = torch.randn(work.queries, work.d_out, RANK, generator=generator)
    right = torch.randn(work.queries, work.d_in, RANK, generator=generator)
    whole = left @ right.transpose(1, 2)
    if work.queries <= MOST_BY_TOKENS:
        yield "tokens", by_tokens(work), lambda: token_influences(d, a, whole)
    yield "gradients", by_gradients(work), lambda: sequence_influences(d, a, whole)
    yield "factors", by_factors(work, RANK), lambda: factored_token_influences(d, a, left, right)
    made = by_gradients_of_factors(work, RANK)
    yield "gradients of factors", made, lambda: factored_sequence_influences(d, a, left, right)


def seconds(run: Callable[[], object], repeats: int) -> float:
    """The least of a few times, since other work on the machine only adds to it."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Measure the grid and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    paces: dict[str, list[float]] = {}
    picked, lost = [], []
    for (d_in, d_out), (sequences, tokens), queries in product(WIDTHS, BATCHES, QUERIES):
        found = {}
        for name, cost, run in ways(Work(sequences, tokens, d_in, d_out, queries)):
            found[name] = cost, seconds(run, arguments.repeats)
            paces.setdefault(name, []).append(found[name][1] / cost)
        for kind in (("tokens", "gradients"), ("factors", "gradients of factors")):
            offered = {name: found[name] for name in kind if name in found}
            choice = min(offered, key=lambda name: offered[name][0])
            best = min(taken for _, taken in offered.values())
            picked.append(offered[choice][1] == best)
            lost.append(offered[choice][1] / best - 1)
    typical = statistics.median(pace for all_paces in paces.values() for pace in all_paces)
    results = {
        "made": describe(),
        "command": "python -m benchmarks.cost_model",
        "shapes": len(picked),
        "picked the fastest": round(sum(picked) / len(picked), 3),
        "time lost by its picks": {"mean": round(statistics.mean(lost), 3), "most": round(max(lost), 3)},
        "time over predicted cost, relative to the median of all": {
            name: {
                "median": round(statistics.median(found) / typical, 2),
                "from": round(min(found) / typical, 2),
                "to": round(max(found) / typical, 2),
            }
            for name, found in paces.items()
        },
    }
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
