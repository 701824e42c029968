"""How well four methods find the documents that state a planted fact, on the three demo models.

`python -m benchmarks.planted_facts` writes docs/studies/planted-facts.json. EK-FAC, gradient dot product and
gradient cosine rank the same per-sequence gradients of the same tracked modules; BM25 ranks whole words.
"""

import argparse
import json
from collections.abc import Sequence as Series
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.demo import bundle
from app.demo.figures import Bm25, retrieval_figures
from benchmarks import demo
from benchmarks.machine import describe
from engine import (
    FactorConfig,
    Factors,
    LanguageModel,
    PreparedQueries,
    ScoreConfig,
    Sequence,
    fit_factors,
    prepare,
    score,
)
from engine.corpus.batches import Batch
from engine.corpus.encoding import encode_query
from engine.maths.gradient import sequence_gradients
from engine.model.capture import Captured
from engine.pipeline.passes import run_pass, true_labels
from engine.pipeline.query import measured_gradients
from engine.storage.prepared import Whole
from engine.terms import silent

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "planted-facts.json"
SCAN = ScoreConfig(per_token=False)


def unpreconditioned(model: LanguageModel, asked: Series[bundle.DemoQuery]) -> PreparedQueries:
    """The queries' plain gradients, so that a scan gives gradient dot products."""
    found, gradients = measured_gradients(model, [encode_query(model, query) for query in demo.queries(asked)])
    modules = {name: Whole(gradient) for name, gradient in gradients.items()}
    return PreparedQueries(modules, found.log_p, found.log_p_against, model.fingerprint, "identity")


def gradient_norms(model: LanguageModel, corpus: list[Sequence]) -> Tensor:
    """The norm of each sequence's gradient over all tracked modules."""
    squares = torch.zeros(len(corpus), dtype=torch.float64)

    def add(batch: Batch, captured: Captured) -> None:
        for name in model.tracked:
            terms = sequence_gradients(captured.output_gradients[name], captured.activations[name])
            squares[batch.index] += terms.square().sum(dim=(1, 2)).double()

    run_pass(model, corpus, SCAN.batch_tokens, true_labels, add, "norms", silent)
    return squares.sqrt()


def rankings(scores: Tensor, ids: list[str], first: int = 200) -> list[list[str]]:
    """Document ids by falling score, for each query."""
    return [[ids[i] for i in row.topk(first).indices.tolist()] for row in scores]


def ekfac_scores(
    model: LanguageModel, factors: Factors, asked: Series[bundle.DemoQuery], corpus: list[Sequence]
) -> Tensor:
    """[query, document]: EK-FAC influence, at full rank."""
    scores = score(model, factors, prepare(model, factors, demo.queries(asked)), corpus, SCAN).sequence
    assert scores is not None
    return scores


def by_ekfac(model: LanguageModel, asked: Series[bundle.DemoQuery]) -> Tensor:
    """[query, document]: EK-FAC influence with factors fitted on the whole corpus."""
    corpus = demo.sequences(model)
    return ekfac_scores(model, fit_factors(model, corpus, FactorConfig()), asked, corpus)


def study(model: LanguageModel, asked: Series[bundle.DemoQuery]) -> dict[str, list[list[str]]]:
    """A ranking for each query under EK-FAC, gradient dot product and gradient cosine."""
    corpus = demo.sequences(model)
    ids = [document.id for document in bundle.documents()]
    factors = fit_factors(model, corpus, FactorConfig())
    exact = ekfac_scores(model, factors, asked, corpus)
    dot = score(model, factors, unpreconditioned(model, asked), corpus, SCAN).sequence
    assert dot is not None
    return {
        "ekfac": rankings(exact, ids),
        "gradient dot product": rankings(dot, ids),
        "gradient cosine": rankings(dot / gradient_norms(model, corpus), ids),
    }


def by_group(ranked: list[list[str]], asked: Series[bundle.DemoQuery]) -> dict[str, Any]:
    """The retrieval figures of each group of queries."""
    figures = {}
    for group in sorted({query.group for query in asked}):
        places = [i for i, query in enumerate(asked) if query.group == group and query.supporting]
        if places:
            chosen = [ranked[i] for i in places], [asked[i].supporting for i in places]
            figures[group] = {k: round(v, 3) for k, v in asdict(retrieval_figures(*chosen)).items()}
    return figures


def main() -> None:
    """Run the study for the models named and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["small", "medium", "large"])
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    asked = bundle.planted()
    index = Bm25({document.id: document.text for document in bundle.documents()})
    words = [index.rank(f"{query.prompt} {query.completion}", 200) for query in asked]
    results: dict[str, Any] = {"made": describe(), "command": "python -m benchmarks.planted_facts"}
    results["bm25 (whole words)"] = by_group(words, asked)
    for name in arguments.models:
        model = demo.load(name)
        results[name] = {method: by_group(ranked, asked) for method, ranked in study(model, asked).items()}
        print(json.dumps({name: results[name]}, indent=1), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
