"""Experiments of Grosse et al. 2023 on the demo's models: `python -m benchmarks.paper`.

For each model factors are fitted once on the demo corpus. Then the word-order experiment (5.2.2) scores its texts as if
each were a training sequence and writes docs/studies/word-order/demo.json; and the gallery's queries are scored against
the whole corpus, which gives how influence is spread over sequences (5.2, figures 8 and 9; docs/studies/tails.json)
and over layers (5.3, figures 17 to 21; docs/studies/layers.json).
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.demo import bundle, studies
from benchmarks import demo
from benchmarks.machine import describe
from engine import Factors, LanguageModel, Query, ScoreConfig, fit_factors, prepare, score
from engine import Sequence as Text

FOLDER = Path(__file__).parent.parent / "docs" / "studies"
TOP = 50
THIRDS = ("early third", "middle third", "late third")
SIGNS = (("positive", 1.0), ("negative", -1.0))


@dataclass(frozen=True)
class Subject:
    """A demo model with its factors and the corpus as it reads it."""

    model: LanguageModel
    factors: Factors
    corpus: list[Text]


def main() -> None:
    """Run the experiments on the models named and write their files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["small", "medium", "large"])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    orders: dict[str, Any] = {}
    tails: dict[str, Any] = {}
    layers: dict[str, Any] = {}
    weights: dict[str, str] = {}
    for name in arguments.models:
        model = demo.load(name)
        corpus = demo.sequences(model)
        subject = Subject(model, fit_factors(model, corpus), corpus)
        orders[name], weights[name] = word_order(subject), model.fingerprint
        tails[name], layers[name] = spread(subject)
        print(f"{name} is done", flush=True)
    made = {"made": describe(), "command": "python -m benchmarks.paper"}
    asked = studies.word_order()
    word = {**made, "prompt": asked.prompt, "completion": asked.completion, "paper": asked.source, "rows": rows(orders)}
    write(arguments.folder / "word-order" / "demo.json", word)
    about = {**made, "weights": weights, "sequences": len(bundle.documents())}
    write(arguments.folder / "tails.json", {**about, "models": tails})
    write(arguments.folder / "layers.json", {**made, "heaviest of each query": TOP, "models": layers})


def word_order(subject: Subject) -> list[float]:
    """The influence of every text on the experiment's query, in nats per unit of up-weighting epsilon."""
    asked = studies.word_order()
    texts = [Text(subject.model.encode(one.text)) for one in asked.rewordings]
    query = Query(prompt=asked.prompt, completion=asked.completion)
    config = ScoreConfig(per_token=False)
    prepared = prepare(subject.model, subject.factors, [query], config)
    found = score(subject.model, subject.factors, prepared, texts, config)
    return [float(value) for value in found.sequence[0]]


def rows(orders: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """A row a text: what the paper reports for its sizes and what was found, over that of the exact wording."""
    asked = studies.word_order()
    paper = asked.paper_relative()
    exact = next(place for place, one in enumerate(asked.rewordings) if one.text == asked.exact)
    return [
        {
            "partition": one.title,
            "text": one.text,
            "paper": {size: round(values[place], 3) for size, values in paper.items()},
            "here": {name: round(values[place] / values[exact], 4) for name, values in orders.items()},
        }
        for place, one in enumerate(asked.rewordings)
    ]


def spread(subject: Subject) -> tuple[dict[str, Any], dict[str, Any]]:
    """How the influence on every gallery query is spread over sequences, and over layers."""
    asked, config = bundle.gallery(), ScoreConfig(per_token=False)
    prepared = prepare(subject.model, subject.factors, demo.queries(asked), config)
    found = score(subject.model, subject.factors, prepared, subject.corpus, config)
    scores, by_layer = numbers(found.sequence), numbers(found.layer)
    tails = {one.name: of_scores(scores[place]) for place, one in enumerate(asked)}
    layers = {
        one.name: {"kind": one.kind, **of_layers(scores[place], by_layer[place])} for place, one in enumerate(asked)
    }
    return tails, {"layers": len(found.layers), "queries": layers}


def numbers(tensor: torch.Tensor) -> NDArray[np.float64]:
    """A tensor as numpy, in double precision."""
    return tensor.detach().cpu().numpy().astype(np.float64)


def of_scores(scores: NDArray[np.float64]) -> dict[str, Any]:
    """For each sign the share that the heaviest hundredth of all sequences holds, and the fit of a power law."""
    return {sign: one_sign(np.sort(scores * factor)[::-1], len(scores)) for sign, factor in SIGNS}


def one_sign(ordered: NDArray[np.float64], sequences: int) -> dict[str, Any]:
    """`ordered`: the scores of a sign, heaviest first, those of the other sign below nought."""
    held = ordered[ordered > 0]
    first = held[: max(round(0.01 * sequences), 1)]
    return {
        "share of the top 1 %": round(float(first.sum() / held.sum()), 4),
        "share of the top sequence": round(float(held[0] / held.sum()), 4),
        "power law": power_law(held),
    }


def power_law(values: NDArray[np.float64], seed: int = 0, rounds: int = 500) -> dict[str, Any]:
    """A power law's tail by maximum likelihood, and the p of the Kolmogorov-Smirnov bootstrap.

    Clauset, Shalizi and Newman 2009, equations 3.1, 3.9 and section 4: below .1 the power law is rejected.
    """
    alpha, least, distance, tail = fitted(np.sort(values))
    chance = np.random.default_rng(seed)
    below = values[values < least]
    further = 0
    for _ in range(rounds):
        inside = chance.binomial(len(values), tail / len(values))
        drawn = least * (1 - chance.random(inside)) ** (-1 / (alpha - 1))
        rest = chance.choice(below, len(values) - inside) if len(below) else np.empty(0)
        further += fitted(np.sort(np.concatenate([drawn, rest])))[2] >= distance
    named = {"alpha": alpha, "from": least, "distance": distance, "p": further / rounds}
    return {**{name: float(f"{value:.4g}") for name, value in named.items()}, "sequences": int(tail)}


def fitted(ordered: NDArray[np.float64], candidates: int = 60) -> tuple[float, float, float, int]:
    """Exponent, beginning, distance and length of the tail that lies nearest to a power law; values ascending."""
    best = (0.0, 0.0, np.inf, 0)
    # From half of all down to fifty: a shorter tail fits anything.
    starts = np.unique(np.geomspace(50, max(len(ordered) // 2, 51), candidates).astype(int))
    for length in starts[starts <= len(ordered)]:
        tail = ordered[-length:]
        logs = np.log(tail / tail[0])
        if logs.sum() <= 0:
            continue
        alpha = 1 + length / logs.sum()
        told = 1 - np.exp(-(alpha - 1) * logs)
        steps = np.arange(length) / length
        distance = max(np.abs(told - steps).max(), np.abs(told - steps - 1 / length).max())
        if distance < best[2]:
            best = (float(alpha), float(tail[0]), float(distance), int(length))
    return best


def of_layers(scores: NDArray[np.float64], by_layer: NDArray[np.float64]) -> dict[str, Any]:
    """The share of every layer in the positive influence of the heaviest sequences, and that of each third."""
    heaviest = np.argsort(-scores)[:TOP]
    summed = by_layer[heaviest].sum(axis=0)
    shares = summed / summed.sum()
    return {
        "share of each layer": [round(float(value), 4) for value in shares],
        "thirds": dict(zip(THIRDS, [round(float(value), 4) for value in thirds(shares)], strict=True)),
    }


def thirds(shares: NDArray[np.float64]) -> list[float]:
    """The sum over each third of the depth; a layer that lies in two thirds counts in both by its parts."""
    edges = np.linspace(0, len(shares), 4)
    covered = np.concatenate([[0.0], np.cumsum(shares)])
    return np.diff(np.interp(edges, np.arange(len(shares) + 1), covered)).tolist()


def write(path: Path, results: Mapping[str, Any]) -> None:
    """Write a study's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
