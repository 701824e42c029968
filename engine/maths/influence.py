"""Influence of sequences on queries through one module: sum_t d_t^T P a_t (paper, eqs 25 and 30).

Three ways give the same numbers up to rounding; which is cheapest depends on the sizes (`engine.maths.cost`).
Results are in float32 or more; with bfloat16 inputs the products are bfloat16 and the sums float32.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from engine.maths.gradient import sequence_gradients
from engine.maths.slices import rows_a_slice
from engine.maths.wide import accumulating


def token_influences(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    preconditioned: Float[Tensor, "query d_out d_in"],
) -> Float[Tensor, "query sequence token"]:
    """d_t^T P a_t for each query, sequence and token, at full rank: T in out multiplications a query."""
    wide = accumulating(output_gradients.dtype)
    return torch.stack(
        [((activations @ matrix.T).mul_(output_gradients)).sum(-1, dtype=wide) for matrix in preconditioned]
    )


def factored_token_influences(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    left: Float[Tensor, "query d_out rank"],
    right: Float[Tensor, "query d_in rank"],
) -> Float[Tensor, "query sequence token"]:
    """(U^T d_t) . (V^T a_t) with P = U V^T: T rank (in + out) multiplications a query."""
    queries, _, rank = left.shape
    leading = output_gradients.shape[:2]
    projected = (output_gradients @ _side_by_side(left)).mul_(activations @ _side_by_side(right))
    summed = projected.view(*leading, queries, rank).sum(-1, dtype=accumulating(projected.dtype))
    return summed.permute(2, 0, 1)


def sequence_influences(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    preconditioned: Float[Tensor, "query d_out d_in"],
) -> Float[Tensor, "query sequence"]:
    """<P, sum_t d_t a_t^T>: T in out multiplications a sequence once, then in out a query.

    The gradients are formed a few rows at a time, for all sequences, and multiplied with the same rows of P.
    """
    return _by_rows(output_gradients, activations, lambda part: preconditioned[:, part])


def factored_sequence_influences(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    left: Float[Tensor, "query d_out rank"],
    right: Float[Tensor, "query d_in rank"],
) -> Float[Tensor, "query sequence"]:
    """As `sequence_influences` with P = U V^T, of which a few rows at a time are made: rank in out a query more."""
    across = right.transpose(1, 2)
    return _by_rows(output_gradients, activations, lambda part: left[:, part] @ across)


def _by_rows(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    rows: Callable[[slice], Float[Tensor, "query _ d_in"]],
) -> Float[Tensor, "query sequence"]:
    """sum over slices of rows of <P, G>, for all sequences and queries at once."""
    d_out = output_gradients.shape[2]
    few = rows_a_slice(output_gradients, activations)
    total: Tensor | None = None
    for start in range(0, d_out, few):
        part = slice(start, min(start + few, d_out))
        gradients = sequence_gradients(output_gradients[:, :, part], activations)
        term = rows(part).flatten(1) @ gradients.flatten(1).T
        term = term.to(accumulating(term.dtype))
        total = term if total is None else total.add_(term)
    assert total is not None
    return total


def _side_by_side(factors: Float[Tensor, "query d rank"]) -> Float[Tensor, "d query_rank"]:
    return factors.permute(1, 0, 2).flatten(1)
