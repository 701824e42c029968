"""What larger models and corpora will take: memory from shapes, hours from counted work and an assumed speed.

`python -m benchmarks.sizing` writes docs/studies/sizing.json, from which docs/guides/sizing.md is written. Memory comes
from the same functions as `influence plan`; work is counted in FLOPs (a multiply-add is two) by the formulas below,
and divided by a speed: one that is assumed for a card, and the one measured here on the model that was run
(`--measured SECONDS`: what fitting SmolLM2-135M took in the word-order study, which checks the count).
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from benchmarks.machine import describe
from engine import FactorConfig, LanguageModel, ScoreConfig
from engine.pipeline.sizes import Shape, factor_bytes, index_bytes, query_bytes, shapes, weight_bytes
from engine.terms import IndexConfig

RESULTS = Path(__file__).parent.parent / "docs" / "studies" / "sizing.json"
TOKENS = 512
SEQUENCES = (1_000_000, 10_000_000)
FITTED_ON = 100_000
QUERIES = 8
# Sustained, of bfloat16 products on one H100: a bit over a third of the dense peak that its maker states.
H100 = 350e12

CONFIGS = {
    "SmolLM2-135M": LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    ),
    "1B (shapes of Llama 3.2 1B)": LlamaConfig(
        vocab_size=128256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        tie_word_embeddings=True,
    ),
    "7B (shapes of Llama 2 7B)": LlamaConfig(
        vocab_size=32000,
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=32,
        tie_word_embeddings=False,
    ),
}


@dataclass(frozen=True)
class Subject:
    """A model of which only the shapes exist."""

    model: LanguageModel
    modules: tuple[Shape, ...]
    products: int

    @classmethod
    def of(cls, config: LlamaConfig) -> "Subject":
        """Made without weights; gate and up projections read the same input."""
        with torch.device("meta"):
            made = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        model = LanguageModel(made)
        sharing = {name: name.replace("up_proj", "gate_proj") for name in model.tracked}
        linear = (m for m in made.modules() if isinstance(m, torch.nn.Linear))
        return cls(model, shapes(model, sharing), sum(m.weight.numel() for m in linear))

    def floor(self, tokens: int) -> float:
        """Forward, and backward to activations: two products a weight and token; attention's own are left out."""
        return 2 * 2.0 * self.products * tokens

    def covariances(self, tokens: int) -> float:
        """Symmetric products, of which half is computed."""
        inputs = sum(m.d_in**2 for m in self.modules if m.shares == m.name)
        return float(tokens) * (inputs + sum(m.d_out**2 for m in self.modules))

    def eigendecompositions(self) -> float:
        """About nine n^3 each, in float64."""
        widths = [m.d_in for m in self.modules if m.shares == m.name] + [m.d_out for m in self.modules]
        return sum(9.0 * width**3 for width in widths)

    def eigenvalues(self, sequences: int, tokens: int) -> float:
        """Rotated gradients of every sequence, the cheaper order, and their product."""
        total = 0.0
        for m in self.modules:
            rotating = min(tokens * (m.d_in**2 + m.d_out**2), m.numbers * (m.d_in + m.d_out))
            total += 2.0 * sequences * (rotating + tokens * m.numbers)
        return total

    def scoring(self, sequences: int, tokens: int, queries: int) -> float:
        """The gradient of each sequence, and its inner product with every query."""
        return sum(2.0 * sequences * m.numbers * (tokens + queries) for m in self.modules)

    def fit(self, sequences: int, tokens: int) -> float:
        """Both passes, without the eigendecompositions."""
        every = sequences * tokens
        return 2 * self.floor(every) + self.covariances(every) + self.eigenvalues(sequences, tokens)

    def scan(self, sequences: int, tokens: int, queries: int) -> float:
        """One pass over the corpus."""
        return self.floor(sequences * tokens) + self.scoring(sequences, tokens, queries)


def sized(subject: Subject) -> dict[str, Any]:
    """Bytes and hours of one model; factors and queries are float32, and bfloat16 in a bfloat16 scan."""
    wide = torch.float32
    half = ScoreConfig(precision="bfloat16", per_token=False, top_k=50)
    scans = {
        f"{count:,} sequences": {
            "scan, hours on one H100": round(subject.scan(count, TOKENS, QUERIES) / H100 / 3600, 1),
            "gradient index, bytes": index_bytes(subject.modules, count, IndexConfig()),
        }
        for count in SEQUENCES
    }
    return {
        "parameters": subject.model.parameters,
        "weights, bytes in bfloat16": weight_bytes(subject.model),
        "factors, bytes in float32": factor_bytes(subject.modules, FactorConfig(), wide),
        "factors with blocks of 4096, bytes": factor_bytes(subject.modules, FactorConfig(block_width=4096), wide),
        f"{QUERIES} whole queries, bytes in bfloat16": query_bytes(subject.modules, QUERIES, half, wide),
        f"fit on {FITTED_ON:,} sequences, hours on one H100": round(subject.fit(FITTED_ON, TOKENS) / H100 / 3600, 2),
        "eigendecompositions, FLOPs in float64": subject.eigendecompositions(),
        **scans,
    }


def main() -> None:
    """Size every model, and check the count against a measured fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measured", type=float, help="seconds of both passes of a fit of SmolLM2-135M here")
    parser.add_argument("--sequences", type=int, default=256, help="what that fit ran over")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each")
    arguments = parser.parse_args()
    subjects = {name: Subject.of(config) for name, config in CONFIGS.items()}
    found: dict[str, Any] = {
        "made": describe(),
        "command": "python -m benchmarks.sizing",
        "tokens a sequence": TOKENS,
        "assumed FLOP/s of an H100": H100,
        "models": {name: sized(subject) for name, subject in subjects.items()},
    }
    if arguments.measured is not None:
        counted = subjects["SmolLM2-135M"].fit(arguments.sequences, arguments.tokens)
        found["checked here"] = {
            "fit": f"SmolLM2-135M, {arguments.sequences} sequences of up to {arguments.tokens} tokens, both passes",
            "seconds": arguments.measured,
            "counted FLOPs": counted,
            "FLOP/s": round(counted / arguments.measured),
        }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
