"""Low-rank factors of a preconditioned query (paper, section 3.2.2: query batching)."""

from jaxtyping import Float
from torch import Tensor

from engine.maths.components import leading_components

# A query is factored once and used for every sequence, so its sketch is sharpened more than a sequence's.
REFINEMENTS = 3
FIRST_RANK = 16

Factors = tuple[Float[Tensor, "d_out rank"], Float[Tensor, "d_in rank"]]


def factor(matrix: Float[Tensor, "d_out d_in"], rank: int) -> Factors:
    """The best approximation U V^T of that rank in the Frobenius norm; singular values are split evenly.

    A rank below the full one is found from a sketch (`maths.components`); its error is near the least possible one.
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
    found = leading_components(matrix[None], rank, REFINEMENTS)
    return found.left[0].T, found.values[0], found.right[0].T


def _halves(left: Tensor, values: Tensor, right: Tensor) -> Factors:
    root = values.sqrt()
    return left * root, right * root
