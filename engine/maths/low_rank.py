"""Low-rank factors of a preconditioned query (paper, section 3.2.2: query batching)."""

import torch
from jaxtyping import Float
from torch import Tensor

# Sketched columns beyond the rank, and passes over the matrix that sharpen the sketch.
OVERSAMPLING = 8
POWER_ITERATIONS = 2
# A sketch pays for ranks below this share of the full one.
SKETCHED_SHARE = 0.25
FIRST_RANK = 16

Factors = tuple[Float[Tensor, "d_out rank"], Float[Tensor, "d_in rank"]]


def factor(matrix: Float[Tensor, "d_out d_in"], rank: int) -> Factors:
    """The best approximation U V^T of that rank in the Frobenius norm; singular values are split evenly.

    A rank far below the full one is found by randomised subspace iteration (Halko et al. 2011), with a fixed
    seed; its error is near the least possible one.
    """
    return _halves(*_leading(matrix, min(rank, *matrix.shape)))


def factor_to_energy(matrix: Float[Tensor, "d_out d_in"], share: float) -> Factors:
    """As `factor`, with the least rank whose singular values keep `share` of the squared Frobenius norm."""
    energy = float(matrix.double().square().sum())
    full, rank = min(matrix.shape), min(FIRST_RANK, *matrix.shape)
    if energy == 0:
        return matrix.new_zeros(matrix.shape[0], 1), matrix.new_zeros(matrix.shape[1], 1)
    while True:
        left, values, right = _leading(matrix, rank)
        kept = values.double().square().cumsum(0) / energy
        # Rounding may leave the whole just below 1, hence the second condition.
        if float(kept[-1]) >= share or rank == full:
            needed = min(int((kept < share).sum()) + 1, rank)
            return _halves(left[:, :needed], values[:needed], right[:, :needed])
        rank = min(2 * rank, full)


def _leading(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """The leading singular triplets: left [out, rank], values, right [in, rank]."""
    if rank + OVERSAMPLING > SKETCHED_SHARE * min(matrix.shape):
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
        return left[:, :rank], values[:rank], right[:rank].T
    generator = torch.Generator().manual_seed(rank)
    sketch = torch.randn(matrix.shape[1], rank + OVERSAMPLING, generator=generator, dtype=torch.float32)
    columns = torch.linalg.qr(matrix @ sketch.to(matrix))[0]
    for _ in range(POWER_ITERATIONS):
        columns = torch.linalg.qr(matrix @ torch.linalg.qr(matrix.T @ columns)[0])[0]
    inner, values, right = torch.linalg.svd(columns.T @ matrix, full_matrices=False)
    return (columns @ inner)[:, :rank], values[:rank], right[:rank].T


def _halves(left: Tensor, values: Tensor, right: Tensor) -> Factors:
    root = values.sqrt()
    return left * root, right * root
