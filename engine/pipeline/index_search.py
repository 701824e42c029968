"""Searching a gradient index: approximate influences of every sequence, of which only the heaviest are kept."""

from collections.abc import Mapping
from collections.abc import Sequence as Series
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from engine.errors import QueryError
from engine.maths.quantisation import Bits, middle, unpacked
from engine.model.language_model import LanguageModel
from engine.pipeline.whitened import Whitening
from engine.storage.factors import Factors
from engine.storage.gradient_index import GradientIndex
from engine.storage.gradient_shard import ModuleShard, Shard
from engine.storage.prepared import Factored
from engine.terms import Measurement, ProgressCallback, silent

# Entries of the largest intermediate matrix: so few that it stays near the processor, so many that threads are not
# woken for little. A search holds a few such.
ENTRIES = 2**20
# Where one side of a product has fewer rows than this, libraries are two to five times as fast with it in front.
FEW = 16


@dataclass(frozen=True, slots=True)
class Candidates:
    """The sequences to score exactly for one query, by corpus index, heaviest approximate influence first."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]


def search(
    model: LanguageModel,
    factors: Factors,
    index: GradientIndex,
    queries: Series[Measurement],
    count: int,
    progress: ProgressCallback | None = None,
) -> tuple[Candidates, ...]:
    """For each query the `count` sequences of each sign that the index holds for the heaviest; fewer if there are not.

    Only which sequences are named is approximate: score them with `rescore` for their true influences. What is
    named for a query does not depend on the others. Equal ones stand in order of index.

    Raises: QueryError, FactorsError (an index of other factors, or a damaged one), NumericalError.
    """
    index.check(model, factors)
    if count < 1:
        raise QueryError(f"count={count} names no sequence.", "Give 1 or more.")
    whitening = Whitening(model, factors, index.manifest.config.damping)
    return look_up(index, whitening.factored_queries(queries, progress or silent), count)


def look_up(index: GradientIndex, queries: Mapping[str, Factored], count: int) -> tuple[Candidates, ...]:
    """The same for queries that are whitened and factored already: one reading of the index for all of them."""
    heaviest = _Heaviest(_number(queries), count)
    for shard in index.read():
        heaviest.add(shard.header.first, shard_influences(shard, queries, index.manifest.config.bits))
    return heaviest.candidates()


def shard_influences(shard: Shard, queries: Mapping[str, Factored], bits: Bits) -> Float[Tensor, "sequence query"]:
    """Approximate influences of the sequences of a shard, summed over modules."""
    count = _number(queries)
    total = torch.zeros(shard.header.sequences, count)
    for name, query in queries.items():
        module = shard.modules[name]
        owners = torch.repeat_interleave(torch.arange(len(module.counts)), module.counts.long())
        widest = max(query.left.shape[1], query.right.shape[1])
        rows = max(1, ENTRIES // max(widest, count * query.left.shape[2]))
        # Vectors are padded to whole bytes.
        scratch = query.left.new_empty(min(rows, len(owners)) * (widest + 8))
        for start in range(0, len(owners), rows):
            part = slice(start, start + rows)
            total.index_add_(0, owners[part], _component_influences(module, part, query, bits, scratch).to(total))
    return total


def _number(queries: Mapping[str, Factored]) -> int:
    (number,) = {len(query) for query in queries.values()}
    return number


def _component_influences(
    module: ModuleShard, part: slice, query: Factored, bits: Bits, scratch: Tensor
) -> Float[Tensor, "component query"]:
    """scale x sum over k of (left . p_k) (right . q_k), for queries sum_k p_k q_k^T."""
    queries, _, rank = query.left.shape
    left = _products(module.left[part], query.left, bits, scratch)
    right = _products(module.right[part], query.right, bits, scratch)
    products = left.mul_(right).view(queries, rank, -1).sum(1).T
    return products * module.scale[part].to(products)[:, None]


def _products(
    codes: Tensor, factors: Float[Tensor, "query d rank"], bits: Bits, scratch: Tensor
) -> Float[Tensor, "column component"]:
    """Inner products of all queries' columns with coded vectors; the middle code is taken off them, not the codes."""
    columns = factors.transpose(1, 2).flatten(0, 1)
    numbers = unpacked(codes.to(factors.device), columns.shape[1], bits, factors.dtype, scratch)
    offset = columns.sum(1, keepdim=True)
    if len(columns) < FEW:
        return torch.addmm(offset, columns, numbers.T, beta=-middle(bits))
    return torch.addmm(offset.T, numbers, columns.T, beta=-middle(bits)).T.contiguous()


class _Heaviest:
    """The running heaviest sequences of each query and sign."""

    def __init__(self, queries: int, count: int) -> None:
        self._count = count
        self._found = [(torch.zeros(queries, 0), torch.zeros(queries, 0, dtype=torch.int64)) for _ in range(2)]

    def add(self, first: int, influences: Float[Tensor, "sequence query"]) -> None:
        """Take in the approximate influences of consecutive sequences."""
        index = torch.arange(first, first + len(influences)).expand(influences.shape[1], -1)
        for place, sign in enumerate((1, -1)):
            known, places = self._found[place]
            scores = torch.cat([known, sign * influences.T], dim=1)
            indices = torch.cat([places, index], dim=1)
            # Stable, and known ones come first, so equal ones stay in order of index.
            order = scores.argsort(dim=1, descending=True, stable=True)[:, : self._count]
            self._found[place] = scores.gather(1, order), indices.gather(1, order)

    def candidates(self) -> tuple[Candidates, ...]:
        """Those whose influence has the sign, heaviest first."""
        signs = [
            [tuple(places[scores > 0].tolist()) for scores, places in zip(*found, strict=True)] for found in self._found
        ]
        return tuple(Candidates(positive, negative) for positive, negative in zip(*signs, strict=True))
