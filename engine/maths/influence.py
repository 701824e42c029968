"""Influence of sequences on queries through one module: sum_t d_t^T P a_t (paper, eqs 25 and 30)."""

import torch
from jaxtyping import Float
from torch import Tensor

from engine.maths.gradient import sequence_gradients


def token_influences(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    preconditioned: Float[Tensor, "query d_out d_in"],
) -> Float[Tensor, "query sequence token"]:
    """d_t^T P a_t for each query, sequence and token, at full rank: T in out multiplications a query."""
    return torch.stack([((activations @ matrix.T) * output_gradients).sum(-1) for matrix in preconditioned])


def factored_token_influences(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    left: Float[Tensor, "query d_out rank"],
    right: Float[Tensor, "query d_in rank"],
) -> Float[Tensor, "query sequence token"]:
    """(U^T d_t) . (V^T a_t) with P = U V^T: T rank (in + out) multiplications a query."""
    queries, _, rank = left.shape
    leading = output_gradients.shape[:2]
    projected_gradients = (output_gradients @ _side_by_side(left)).view(*leading, queries, rank)
    projected_activations = (activations @ _side_by_side(right)).view(*leading, queries, rank)
    return (projected_gradients * projected_activations).sum(-1).permute(2, 0, 1)


def sequence_influences(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    preconditioned: Float[Tensor, "query d_out d_in"],
) -> Float[Tensor, "query sequence"]:
    """<P, sum_t d_t a_t^T>: T in out multiplications a sequence once, then in out a query."""
    gradients = sequence_gradients(output_gradients, activations)
    return preconditioned.flatten(1) @ gradients.flatten(1).T


def _side_by_side(factors: Float[Tensor, "query d rank"]) -> Float[Tensor, "d query_rank"]:
    return factors.permute(1, 0, 2).flatten(1)
