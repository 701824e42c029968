"""Influences: what a scan returns, and how the results of shards join."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load, save
from torch import Tensor

from engine.maths.summary import Summary


@dataclass(frozen=True, slots=True)
class Hit:
    """A sequence kept by a top-k scan.

    score: nats per unit of epsilon; divide by the number of training sequences for nats per added copy.
    layer, token, matrix: its terms by layer, by input position, and by both; each adds up to the score.
        `token` and `matrix` are None in a scan with per_token=False.
    """

    index: int
    score: float
    layer: Float[Tensor, " layer"]
    token: Float[Tensor, " token"] | None = None
    matrix: Float[Tensor, "layer token"] | None = None


@dataclass(frozen=True, slots=True)
class Influences:
    """Influences of sequences on queries, in nats per unit of epsilon; positive raises log p(completion | prompt).

    Without `top_k`: `sequence` [query, sequence], `layer` [query, sequence, layer] and, with per_token, `token`
    [query, sequence, token]; entry t belongs to input position t (which helps predict t + 1), and the last
    position of a sequence and padding are 0. After `rescore`, `matrix` [query, sequence, layer, token] too.

    With `top_k`: `positive[q]` and `negative[q]`, heaviest first, and `summary[q]` of all scores; the rest None.
    """

    layers: tuple[str, ...]
    sequence: Float[Tensor, "query sequence"] | None = None
    layer: Float[Tensor, "query sequence layer"] | None = None
    token: Float[Tensor, "query sequence token"] | None = None
    matrix: Float[Tensor, "query sequence layer token"] | None = None
    positive: tuple[tuple[Hit, ...], ...] = ()
    negative: tuple[tuple[Hit, ...], ...] = ()
    summary: tuple[Summary, ...] = ()

    @classmethod
    def merge(cls, shards: Iterable[tuple[int, "Influences"]], top_k: int) -> "Influences":
        """Join top-k results of shards; each comes with the corpus index of its first sequence."""
        parts = [(offset, shard) for offset, shard in shards]
        layers = parts[0][1].layers
        queries = range(len(parts[0][1].summary))
        summaries = []
        for query in queries:
            summary = parts[0][1].summary[query]
            for _, shard in parts[1:]:
                summary = summary + shard.summary[query]
            summaries.append(summary)
        return cls(
            layers,
            positive=tuple(heaviest(_shifted(parts, "positive", q), top_k, 1) for q in queries),
            negative=tuple(heaviest(_shifted(parts, "negative", q), top_k, -1) for q in queries),
            summary=tuple(summaries),
        )

    def to_bytes(self) -> bytes:
        """A top-k result as one safetensors blob (hits without token terms, which a scan does not have)."""
        tensors: dict[str, Tensor] = {}
        moments = []
        for query, summary in enumerate(self.summary):
            for sign in ("positive", "negative"):
                hits: tuple[Hit, ...] = getattr(self, sign)[query]
                tensors[f"{query}:{sign}:index"] = torch.tensor([hit.index for hit in hits], dtype=torch.int64)
                tensors[f"{query}:{sign}:score"] = torch.tensor([hit.score for hit in hits], dtype=torch.float64)
                layer = torch.stack([hit.layer for hit in hits]) if hits else torch.zeros(0, len(self.layers))
                tensors[f"{query}:{sign}:layer"] = layer.contiguous()
            tensors[f"{query}:counts"] = torch.from_numpy(summary.counts)
            tensors[f"{query}:sums"] = torch.from_numpy(summary.sums)
            moments.append([summary.sequences, summary.total, summary.total_square, summary.minimum, summary.maximum])
        tensors["moments"] = torch.tensor(moments, dtype=torch.float64)
        tensors["layers"] = torch.frombuffer(bytearray(json.dumps(self.layers).encode()), dtype=torch.uint8)
        return save(tensors)

    @classmethod
    def from_bytes(cls, blob: bytes) -> "Influences":
        """Read back what `to_bytes` wrote."""
        tensors = load(blob)
        layers = tuple(json.loads(bytes(tensors["layers"].numpy())))
        moments = tensors["moments"].tolist()
        signs: dict[str, tuple[tuple[Hit, ...], ...]] = {
            sign: tuple(_read_hits(tensors, f"{query}:{sign}") for query in range(len(moments)))
            for sign in ("positive", "negative")
        }
        summaries = tuple(
            Summary(
                int(row[0]),
                row[1],
                row[2],
                row[3],
                row[4],
                tensors[f"{query}:counts"].numpy(),
                tensors[f"{query}:sums"].numpy(),
            )
            for query, row in enumerate(moments)
        )
        return cls(layers, positive=signs["positive"], negative=signs["negative"], summary=summaries)


def heaviest(hits: Iterable[Hit], top_k: int, sign: int) -> tuple[Hit, ...]:
    """The `top_k` hits of a sign, heaviest first; equal scores stand in order of index, so ranking is repeatable."""
    signed = [hit for hit in hits if hit.score * sign > 0]
    return tuple(sorted(signed, key=lambda hit: (-hit.score * sign, hit.index))[:top_k])


def _shifted(parts: list[tuple[int, Influences]], sign: str, query: int) -> list[Hit]:
    return [replace(hit, index=hit.index + offset) for offset, shard in parts for hit in getattr(shard, sign)[query]]


def _read_hits(tensors: dict[str, Any], prefix: str) -> tuple[Hit, ...]:
    columns = (
        tensors[f"{prefix}:index"].tolist(),
        tensors[f"{prefix}:score"].tolist(),
        tensors[f"{prefix}:layer"],
    )
    return tuple(Hit(index, score, layer) for index, score, layer in zip(*columns, strict=True))


def as_numpy(scores: Tensor) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
    """A tensor of scores on the CPU, as numpy."""
    return scores.detach().cpu().numpy()
