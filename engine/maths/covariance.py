"""K-FAC's covariances: uncentred second moments of activations and of output gradients."""

import torch
from jaxtyping import Float
from torch import Tensor


def with_homogeneous_one(activations: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_in_1"]:
    """Append the homogeneous 1 through which a bias is treated as one more column of the weight."""
    return torch.cat([activations, activations.new_ones(*activations.shape[:-1], 1)], dim=-1)


def second_moment_sum(vectors: Float[Tensor, "position d"]) -> Float[Tensor, "d d"]:
    """sum over positions of x x^T; divide by the number of positions for A = E[a a^T] or S = E[d d^T]."""
    return vectors.T @ vectors
