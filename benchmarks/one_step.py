"""In the world: one small plain gradient step on a proponent, and whether log p of the query rises.

`python -m benchmarks.one_step` takes each of the top ten sequences of every gallery query on the medium model,
moves the tracked weights by one step along that sequence's log-likelihood gradient, measures
log p(completion | prompt) again, and writes docs/studies/one-step.json. Random sequences are the control.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from app.demo import bundle
from benchmarks import demo
from benchmarks.machine import describe
from engine import ScoreConfig, fit_factors, score
from engine.pipeline.counterfactual import one_step

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "one-step.json"
SIDES = ("positive", "negative", "random")


def main() -> None:
    """Run the check on the gallery and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="medium")
    parser.add_argument("--step", type=float, default=1e-4, help="the step's norm over the tracked weights' norm")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    model = demo.load(arguments.model)
    corpus = demo.sequences(model)
    asked = demo.queries(bundle.gallery())
    found = score(model, fit_factors(model, corpus), asked, corpus, ScoreConfig(top_k=10, per_token=False))
    picks = torch.randint(0, len(corpus), (10,), generator=torch.Generator().manual_seed(0)).tolist()
    rows: list[dict[str, Any]] = []
    for place, query in enumerate(bundle.gallery()):
        chosen = {
            "positive": [hit.index for hit in found.positive[place]],
            "negative": [hit.index for hit in found.negative[place]],
            "random": picks,
        }
        row: dict[str, Any] = {"query": query.name}
        for side in SIDES:
            changes = [one_step(model, [asked[place]], corpus[i], arguments.step)[0] for i in chosen[side]]
            row[side] = {"rose": sum(change > 0 for change in changes), "of": len(changes)}
        rows.append(row)
    totals = {side: {key: sum(row[side][key] for row in rows) for key in ("rose", "of")} for side in SIDES}
    results = {
        "made": describe(),
        "command": f"python -m benchmarks.one_step --model {arguments.model} --step {arguments.step}",
        "step": f"{arguments.step} of the tracked weights' norm, along the sequence's log-likelihood gradient",
        "totals": totals,
        "queries": rows,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(totals, indent=1))


if __name__ == "__main__":
    main()
