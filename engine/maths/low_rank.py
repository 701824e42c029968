"""Low-rank factors of a preconditioned query (paper, section 3.2.2: query batching)."""

import torch
from jaxtyping import Float
from torch import Tensor


def factor(
    matrix: Float[Tensor, "d_out d_in"], rank: int
) -> tuple[Float[Tensor, "d_out rank"], Float[Tensor, "d_in rank"]]:
    """The best approximation U V^T of that rank in the Frobenius norm; singular values are split evenly."""
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    root = values[:rank].sqrt()
    return left[:, :rank] * root, right[:rank].T * root


def rank_for_energy(matrix: Float[Tensor, "d_out d_in"], share: float) -> int:
    """The least rank whose singular values keep `share` of the squared Frobenius norm; at least 1."""
    energy = torch.linalg.svdvals(matrix.double()).square()
    if float(energy.sum()) == 0:
        return 1
    # Rounding may leave the last cumulated share just below 1, hence the bound.
    kept = energy.cumsum(0) / energy.sum()
    return min(int((kept < share).sum()) + 1, int(energy.numel()))
