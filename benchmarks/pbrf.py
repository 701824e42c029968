"""Predicted influence against what the proximal Bregman objective does: `python -m benchmarks.pbrf`.

The objective (paper, eq 7) with a small weight on one term is half a quadratic form of the damped Gauss-Newton
Hessian and a linear pull, so its minimum moves log p of one text, per unit of weight on another, by
g^T (G + damping)^-1 g'. That is the same either way round. So the *query* is given the weight here, the objective is
minimised once a query, the weights are moved to the minimum, and log p of every chosen *sequence* is measured there:
five solves serve all sequences. Two solves the other way round, sequence weighted, check the exchange.

Predictions: EK-FAC, K-FAC (same damping) and the gradient dot product, each divided by N.
Work goes to a folder and is taken up again from there. Writes docs/studies/pbrf.json.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence as Series
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor

from app.demo import bundle
from benchmarks import demo
from benchmarks.curvature import GaussNewton, Layout, Solved, conjugate_gradients, ekfac_inverse
from benchmarks.machine import describe
from engine import (
    FactorConfig,
    Factors,
    LanguageModel,
    PreparedQueries,
    ScoreConfig,
    Sequence,
    fit_factors,
    score,
)
from engine.corpus.encoding import EncodedQuery, encode_query
from engine.maths.damping import damping_value
from engine.model.moved import moved
from engine.pipeline.query import measured_gradients
from engine.storage.prepared import Whole
from engine.terms import PAPER_DAMPING

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "pbrf.json"
QUERIES = (
    "who-founded-inverlith",
    "the-declaration-of-independence",
    "seven-times-eight",
    "a-function-for-even-numbers",
    "may-i-switch-you-off",
)
METHODS = ("ekfac", "kfac", "gradient dot product")
SCAN = ScoreConfig(per_token=False, batch_tokens=2048)
# Weights on the query, in units of 1/N.
SMALL, WHOLE = 0.01, 1.0


@dataclass(frozen=True, slots=True)
class Study:
    """The model, its corpus and factors, the encoded queries, and their gradients as one vector each."""

    model: LanguageModel
    corpus: list[Sequence]
    factors: Factors
    queries: list[EncodedQuery]
    gradients: Tensor
    damping: dict[str, float]
    folder: Path

    @property
    def layout(self) -> Layout:
        """How a vector holds the tracked modules' matrices."""
        return Layout.of(self.model)


def load(name: str, folder: Path) -> Study:
    """The demo model with its factors, fitted on the whole corpus and kept in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model = demo.load(name)
    # The forward derivative needs attention written out.
    model.hf_model.set_attn_implementation("eager")
    corpus = demo.sequences(model)
    if not (folder / "factors").exists():
        fit_factors(model, corpus, FactorConfig(batch_tokens=2048)).save(folder / "factors")
    factors = Factors.load(folder / "factors")
    by_name = {query.name: query for query in bundle.gallery()}
    encoded = [encode_query(model, query) for query in demo.queries([by_name[name] for name in QUERIES])]
    damping = {name: damping_value(PAPER_DAMPING, each.corrected_eigenvalues) for name, each in factors.modules.items()}
    return Study(model, corpus, factors, encoded, gradients_of(model, encoded), damping, folder)


def gradients_of(model: LanguageModel, encoded: list[EncodedQuery]) -> Tensor:
    """The gradient of log p of each text in the tracked weights, one a row."""
    by_module = measured_gradients(model, encoded)[1]
    layout = Layout.of(model)
    rows = [layout.flat({name: part[i] for name, part in by_module.items()}) for i in range(len(encoded))]
    return torch.stack(rows)


def kfac(factors: Factors) -> Factors:
    """The same factors with K-FAC's eigenvalues, positions taken as independent, instead of the corrected ones."""
    modules = {}
    for name, each in factors.modules.items():
        product = torch.outer(each.gradient_eigenvalues, each.activation_eigenvalues)
        modules[name] = replace(each, corrected_eigenvalues=product * factors.positions / factors.sequences)
    return replace(factors, modules=modules)


def influences(study: Study, vectors: Tensor) -> Tensor:
    """[vector, sequence]: the gradient of every sequence's log p along each vector, over the whole corpus."""
    steps = [study.layout.step(vector) for vector in vectors]
    modules = {name: Whole(torch.stack([step[name] for step in steps])) for name in study.model.tracked}
    nothing, none = (0.0,) * len(vectors), (None,) * len(vectors)
    prepared = PreparedQueries(modules, nothing, none, study.model.fingerprint, study.factors.fingerprint)
    found = score(study.model, study.factors, prepared, study.corpus, SCAN).sequence
    assert found is not None
    return found


def predictions(study: Study) -> Tensor:
    """[method, query, sequence], per unit of weight."""
    file = study.folder / "predictions.pt"
    if not file.exists():
        inverses = [ekfac_inverse(study.model, each, study.damping) for each in (study.factors, kfac(study.factors))]
        vectors = [torch.stack([inverse(g) for g in study.gradients]) for inverse in inverses]
        rows = influences(study, torch.cat([*vectors, study.gradients]))
        torch.save(rows.view(len(METHODS), len(study.queries), -1), file)
    result: Tensor = torch.load(file)
    return result


def chosen(scores: Tensor, positive: int = 4, negative: int = 2, random: int = 4) -> list[int]:
    """For each query its heaviest sequences of both signs and some random ones, all distinct."""
    taken: list[int] = []
    others = torch.randperm(scores.shape[1], generator=torch.Generator().manual_seed(0)).tolist()
    for row in scores:
        falling = row.argsort(descending=True).tolist()
        for order, count in ((falling, positive), (falling[::-1], negative), (others, random)):
            taken += [i for i in order if i not in taken][:count]
    return taken


@dataclass(frozen=True, slots=True)
class Sample:
    """Sequences over which the divergence is averaged, and the weight of each in the average."""

    sequences: list[Sequence]
    weights: Tensor
    certain: int


def weighted_sample(study: Study, scores: Tensor, picks: list[int], heaviest: int, others: int) -> Sample:
    """Every sequence the study looks at, and the heaviest of each query, as themselves; random ones for the rest.

    A sequence that is sure to be taken weighs 1/N, as in the whole average; the random ones share what is left. So
    the average is right in expectation, and a sequence that pulls hard on its own measurement is neither left out
    nor counted ten times, as in a plain random sample.
    """
    top = {index for row in scores for index in row.abs().topk(heaviest).indices.tolist()}
    certain = sorted({*picks, *top})
    order = torch.randperm(len(study.corpus), generator=torch.Generator().manual_seed(1)).tolist()
    drawn = [index for index in order if index not in set(certain)][:others]
    n = len(study.corpus)
    weights = torch.full((len(certain) + len(drawn),), 1 / n, dtype=torch.float64)
    weights[len(certain) :] = (1 - len(certain) / n) / len(drawn)
    return Sample([study.corpus[i] for i in (*certain, *drawn)], weights, len(certain))


def solve(study: Study, sample: Sample, right: Tensor, name: str, most: int, tolerance: float) -> Solved:
    """(G + damping)^-1 right, with G averaged over the sample; kept in the folder with what each product left."""
    file = study.folder / f"{name}.pt"
    if not file.exists():
        trace = (study.folder / f"{name}.jsonl").open("w", encoding="utf-8")
        started = time.monotonic()

        def observe(step: Solved) -> None:
            row = {"products": step.products, "residual": step.residual, "form": float(step.solution @ right)}
            trace.write(json.dumps({**row, "seconds": round(time.monotonic() - started)}) + "\n")
            trace.flush()

        matrix = GaussNewton(study.model, sample.sequences, sample.weights, study.damping)
        inverse = ekfac_inverse(study.model, study.factors, study.damping)
        found = conjugate_gradients(matrix, inverse, right, tolerance, most, observe)
        torch.save({"solution": found.solution, "products": found.products, "residual": found.residual}, file)
        trace.close()
    return Solved(**torch.load(file))


def log_p(model: LanguageModel, texts: Series[EncodedQuery]) -> Tensor:
    """log p of each text's counted tokens, in float64, so that changes of a millionth of a nat are measured."""
    values = []
    for text in texts:
        ids = torch.tensor([text.ids])
        with torch.no_grad():
            logits = model.hf_model(input_ids=ids, use_cache=False).logits[0, text.completion_start - 1 : -1]
        labels = ids[0, text.completion_start :, None]
        values.append(torch.log_softmax(logits.double(), dim=-1).gather(1, labels).sum())
    return torch.stack(values)


def changes(study: Study, wide: LanguageModel, step: Tensor, texts: Series[EncodedQuery], weight: float) -> Tensor:
    """What moving the weights by weight / N x step does to log p of each text, in nats; `wide` is in float64."""
    before = log_p(wide, texts)
    with moved(wide, study.layout.step(step.double()), weight / len(study.corpus)):
        return log_p(wide, texts) - before


def agreement(left: Tensor, right: Tensor) -> dict[str, float]:
    """Pearson and Spearman of two rows of numbers."""
    pair = left.double().numpy(), right.double().numpy()
    return {
        "pearson": round(float(pearsonr(*pair).statistic), 4),
        "spearman": round(float(spearmanr(*pair).statistic), 4),
    }


def slope(predicted: Tensor, measured: Tensor) -> float:
    """Of the line through zero that fits measured to predicted best."""
    wide = predicted.double()
    return float(wide @ measured.double() / (wide @ wide))


def correlations(predicted: Tensor, measured: Tensor) -> dict[str, Any]:
    """Of each method with what was measured: a query at a time, their mean, and all pairs together."""
    result: dict[str, Any] = {}
    for method, rows in zip(METHODS, predicted, strict=True):
        each = [agreement(row, other) for row, other in zip(rows, measured, strict=True)]
        mean = {key: round(sum(one[key] for one in each) / len(each), 4) for key in ("pearson", "spearman")}
        pooled = agreement(rows.flatten(), measured.flatten())
        result[method] = {
            "mean over queries": mean,
            "all pairs": pooled,
            "by query": dict(zip(QUERIES, each, strict=True)),
        }
    return result


def other_way_round(
    study: Study,
    wide: LanguageModel,
    sample: Sample,
    index: int,
    options: argparse.Namespace,
    exchanged: Tensor,
) -> dict[str, Any]:
    """Give a sequence the weight and measure the queries, beside the exchanged solves' numbers."""
    pull = gradients_of(study.model, [EncodedQuery(study.corpus[index].ids, 1)])[0]
    found = solve(study, sample, pull, f"sequence-{index}", options.products, options.tolerance)
    measured = changes(study, wide, found.solution, study.queries, SMALL) / SMALL
    return {
        "sequence": index,
        "products": found.products,
        "residual": round(found.residual, 4),
        "measured": rounded(measured),
        "exchanged": rounded(exchanged),
    }


def rounded(values: Tensor) -> list[float]:
    """Six significant digits of each."""
    return [float(f"{value:.6g}") for value in values.tolist()]


def main() -> None:
    """Solve, measure, correlate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="medium")
    parser.add_argument("--heaviest", type=int, default=20, help="heaviest sequences of each query, averaged over")
    parser.add_argument("--sample", type=int, default=300, help="random sequences that stand for all others")
    parser.add_argument("--products", type=int, default=90, help="products with the Hessian at most, a solve")
    parser.add_argument("--tolerance", type=float, default=0.2)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "influence-pbrf")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    study = load(options.model, options.folder)
    predicted = predictions(study)
    picks = chosen(predicted[0])
    sample = weighted_sample(study, predicted[0], picks, options.heaviest, options.sample)
    solved = [
        solve(study, sample, gradient, f"query-{place}", options.products, options.tolerance)
        for place, gradient in enumerate(study.gradients)
    ]
    results = measured_results(study, options, predicted, picks, solved, sample)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: results[key] for key in ("fifty sequences", "all sequences", "linearity")}, indent=1))


def measured_results(
    study: Study,
    options: argparse.Namespace,
    predicted: Tensor,
    picks: list[int],
    solved: list[Solved],
    sample: Sample,
) -> dict[str, Any]:
    """Everything the study says, as it is written."""
    wide = LanguageModel(demo.load(options.model).hf_model.double())
    texts = [EncodedQuery(study.corpus[i].ids, 1) for i in picks]
    small = torch.stack([changes(study, wide, each.solution, texts, SMALL) for each in solved]) / SMALL
    whole = torch.stack([changes(study, wide, each.solution, texts, WHOLE) for each in solved])
    exact = influences(study, torch.stack([each.solution for each in solved]))
    n = len(study.corpus)
    first_order = exact[:, picks] / n
    return {
        "made": describe(),
        "command": f"python -m benchmarks.pbrf --model {options.model} --heaviest {options.heaviest} "
        f"--sample {options.sample} --products {options.products} --tolerance {options.tolerance}",
        "what": "Change of log p(sequence) at the minimum of the proximal Bregman objective in which the query has "
        f"weight {SMALL}/N, times {1 / SMALL:g}. N = {n}; the divergence is averaged over {sample.certain} sequences "
        f"of weight 1/N (the fifty and the {options.heaviest} heaviest of each query) and {options.sample} random "
        "others that share the rest of the weight.",
        "damping": "0.1 x the mean corrected eigenvalue of each module, the same for every method",
        "solves": [
            {"query": name, "products": each.products, "residual": round(each.residual, 4)}
            for name, each in zip(QUERIES, solved, strict=True)
        ],
        "fifty sequences": correlations(predicted[:, :, picks], small),
        "all sequences": correlations(predicted, exact),
        "measured over predicted by EK-FAC (slope through zero)": {
            name: float(f"{slope(row / n, other):.4g}")
            for name, row, other in zip(QUERIES, predicted[0][:, picks], small, strict=True)
        },
        "linearity": {
            f"{SMALL}/N against the derivative": agreement(small.flatten(), first_order.flatten()),
            "1/N along the same line against the derivative": agreement(whole.flatten(), first_order.flatten()),
            "largest relative difference at the small weight": float(f"{_worst(small, first_order):.3g}"),
        },
        "the other way round": [
            other_way_round(study, wide, sample, index, options, exact[:, index] / n) for index in (picks[0], picks[-1])
        ],
        "rows": _rows(picks, predicted, first_order, small, whole, n),
    }


def _worst(left: Tensor, right: Tensor) -> float:
    """The largest difference of two rows over the row's largest entry."""
    return float(((left - right).abs().amax(1) / right.abs().amax(1)).max())


def _rows(picks: list[int], predicted: Tensor, first_order: Tensor, small: Tensor, whole: Tensor, n: int) -> list[Any]:
    rows = []
    for place, index in enumerate(picks):
        numbers = {
            **{method: predicted[i, :, index] / n for i, method in enumerate(METHODS)},
            "derivative": first_order[:, place],
            "measured": small[:, place],
            "measured at 1/N": whole[:, place],
        }
        rows.append({"sequence": index, **{key: rounded(values) for key, values in numbers.items()}})
    return rows


if __name__ == "__main__":
    main()
