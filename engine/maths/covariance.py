"""K-FAC's covariances: uncentred second moments of activations and of output gradients."""

import torch
from jaxtyping import Float
from torch import Tensor

from engine.maths.wide import accumulating

# Wide enough for a matrix product to run at full speed, narrow enough to skip most of the lower half.
PANEL = 256


def with_homogeneous_one(activations: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_in_1"]:
    """Append the homogeneous 1 through which a bias is treated as one more column of the weight."""
    return torch.cat([activations, activations.new_ones(*activations.shape[:-1], 1)], dim=-1)


def upper_second_moment_sum(vectors: Float[Tensor, "position d"]) -> Float[Tensor, "d d"]:
    """sum over positions of x x^T, right on and above the diagonal; below it entries may be missing (zero).

    The product is symmetric, so it is made in panels of rows from the diagonal rightwards: near half the
    multiplications at large d. Add such sums up, then complete them once with `symmetric`. They are in float32
    or more, whatever the dtype of the products.
    """
    d, wide = vectors.shape[1], accumulating(vectors.dtype)
    if d < 2 * PANEL:
        return (vectors.T @ vectors).to(wide)
    product = vectors.new_zeros(d, d)
    for start in range(0, d, PANEL):
        stop = min(start + PANEL, d)
        torch.mm(vectors[:, start:stop].T, vectors[:, start:], out=product[start:stop, start:])
    return product.to(wide)


def symmetric(upper: Float[Tensor, "d d"]) -> Float[Tensor, "d d"]:
    """The symmetric matrix with this upper triangle; divided by the number of positions, A = E[a a^T]."""
    return upper.triu() + upper.triu(1).T
