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
from torch import Tensor, nn

from app.demo import bundle
from benchmarks import demo
from benchmarks.machine import describe
from engine import FactorConfig, LanguageModel, Query, ScoreConfig, Sequence, fit_factors, score
from engine.corpus.encoding import EncodedQuery, encode_query
from engine.maths.measurement import log_likelihoods
from engine.pipeline.query import measured_gradients

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "one-step.json"


def log_p(model: LanguageModel, query: EncodedQuery) -> float:
    """log p(completion | prompt) in nats, with the weights as they are now."""
    ids = torch.tensor([query.ids])
    counted = torch.zeros_like(ids, dtype=torch.bool)
    counted[:, query.completion_start - 1 : -1] = True
    with torch.no_grad():
        logits = model.hf_model(input_ids=ids, use_cache=False).logits
        return float(log_likelihoods(logits, ids.roll(-1, dims=1), counted))


def weight(module: nn.Module) -> Tensor:
    """The weight of a tracked linear map."""
    value: Tensor = module.weight  # type: ignore[assignment]
    return value


def step(model: LanguageModel, gradients: dict[str, Tensor], size: float) -> None:
    """Move the tracked weights, which have no bias in the demo models, by size x gradient."""
    with torch.no_grad():
        for name, module in model.modules.items():
            weight(module).add_(gradients[name][0], alpha=size)


def changes(model: LanguageModel, query: EncodedQuery, sequences: list[Sequence], length: float) -> list[float]:
    """The change of log p after a step of norm `length` along each sequence's gradient, each undone again."""
    before = log_p(model, query)
    results = []
    for sequence in sequences:
        as_query = encode_query(model, Query.from_ids(sequence.ids[:1], sequence.ids[1:]))
        _, gradients = measured_gradients(model, [as_query])
        kept = {name: weight(module).clone() for name, module in model.modules.items()}
        norm = sum(float(g.square().sum()) for g in gradients.values()) ** 0.5
        step(model, gradients, length / norm)
        results.append(log_p(model, query) - before)
        with torch.no_grad():
            for name, module in model.modules.items():
                weight(module).copy_(kept[name])
    return results


def main() -> None:
    """Run the check on the gallery and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="medium")
    parser.add_argument("--length", type=float, default=0.01, help="the norm of the step over all tracked weights")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    model = demo.load(arguments.model)
    corpus = demo.sequences(model)
    factors = fit_factors(model, corpus, FactorConfig())
    asked = demo.queries(bundle.gallery())
    found = score(model, factors, asked, corpus, ScoreConfig(top_k=10, per_token=False))
    picks = torch.randint(0, len(corpus), (10,), generator=torch.Generator().manual_seed(0)).tolist()
    rows: list[dict[str, Any]] = []
    for place, query in enumerate(bundle.gallery()):
        encoded = encode_query(model, asked[place])
        row: dict[str, Any] = {"query": query.name}
        for side, chosen in (
            ("positive", [hit.index for hit in found.positive[place]]),
            ("negative", [hit.index for hit in found.negative[place]]),
            ("random", picks),
        ):
            moved = changes(model, encoded, [corpus[i] for i in chosen], arguments.length)
            row[side] = {"rose": sum(change > 0 for change in moved), "of": len(moved)}
        rows.append(row)
    totals = {
        side: {key: sum(row[side][key] for row in rows) for key in ("rose", "of")}
        for side in ("positive", "negative", "random")
    }
    results = {
        "made": describe(),
        "command": f"python -m benchmarks.one_step --model {arguments.model} --length {arguments.length}",
        "step": f"norm {arguments.length} over all tracked weights, along the sequence's log-likelihood gradient",
        "totals": totals,
        "queries": rows,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(totals, indent=1))


if __name__ == "__main__":
    main()
