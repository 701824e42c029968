"""The engine against its floor on a demo model, in one run: `python -m benchmarks [--model large] [--sequences 600]`.

The floor is one pass of the same batches, forward and backward to activations only, weights frozen.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.demo import bundle
from benchmarks import demo
from benchmarks.machine import describe, medians, peak_mebibytes
from engine import FactorConfig, LanguageModel, ScoreConfig, Sequence, fit_factors, prepare, score
from engine.pipeline.passes import run_pass, true_labels
from engine.terms import silent

RESULTS = Path(__file__).parent / "RESULTS.md"
QUERY_COUNTS = (1, 8, 64)


def floor(model: LanguageModel, corpus: list[Sequence], batch_tokens: int) -> None:
    """Forward and activation-only backward over every batch, and nothing done with what was captured."""
    run_pass(model, corpus, batch_tokens, true_labels, lambda *_: None, "floor", silent)


def measure(model: LanguageModel, corpus: list[Sequence], batch_tokens: int, repeats: int) -> dict[str, float]:
    """Median seconds of the floor, of fitting, and of scans for several numbers of queries."""
    factors = fit_factors(model, corpus, FactorConfig(batch_tokens=batch_tokens))
    asked = demo.queries([*bundle.planted(), *bundle.gallery()])
    prepared = prepare(model, factors, [asked[i % len(asked)] for i in range(max(QUERY_COUNTS))])
    sides: dict[str, Callable[[], object]] = {
        "floor": lambda: floor(model, corpus, batch_tokens),
        "fit, both passes and eigenvectors": lambda: fit_factors(
            model, corpus, FactorConfig(batch_tokens=batch_tokens)
        ),
    }
    for count in QUERY_COUNTS:
        some = prepared.select(range(count))
        for per_token in (False, True):
            if per_token and count > 8:
                continue
            config = ScoreConfig(per_token=per_token, batch_tokens=batch_tokens)
            what = "sequence, layer and token scores of all" if per_token else "sequence and layer scores of all"
            name = f"scan, {count} quer{'y' if count == 1 else 'ies'}, full rank, {what}"
            sides[name] = partial(score, model, factors, some, corpus, config)
    return medians(sides, repeats)


def main() -> None:
    """Measure, print and write benchmarks/RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="large")
    parser.add_argument("--sequences", type=int, default=600)
    parser.add_argument("--batch-tokens", type=int, default=8192)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    model = demo.load(arguments.model)
    every = demo.sequences(model)
    corpus = every[:: max(1, len(every) // arguments.sequences)][: arguments.sequences]
    seconds = measure(model, corpus, arguments.batch_tokens, arguments.repeats)
    lines = [
        "# Engine against its floor",
        "",
        f"{describe()}. Made by `python -m benchmarks --model {arguments.model} --sequences {arguments.sequences} "
        f"--batch-tokens {arguments.batch_tokens} --repeats {arguments.repeats}`.",
        "",
        f"Model {arguments.model}: {model.parameters:,} parameters, {len(model.tracked)} tracked modules; "
        f"{len(corpus)} sequences, {sum(len(s.ids) for s in corpus):,} tokens, float32.",
        "",
        "| work | median seconds | over the floor |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {value:.2f} | {value / seconds['floor']:.2f} |" for name, value in seconds.items()),
        "",
        f"Peak memory of the whole run: {peak_mebibytes():.0f} MiB.",
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
