"""The preconditioned query: the query's gradient times the damped inverse of the Gauss-Newton approximation."""

from jaxtyping import Float
from torch import Tensor

from engine.maths.eigenbasis import Eigenbasis


def precondition(
    gradient: Float[Tensor, "*query d_out d_in"],
    gradient_basis: Eigenbasis,
    activation_basis: Eigenbasis,
    corrected_eigenvalues: Float[Tensor, "d_out d_in"],
    damping: float,
) -> Float[Tensor, "*query d_out d_in"]:
    """P = Q_S [ (Q_S^T G Q_A) / (L + damping) ] Q_A^T (paper, eqs 18 and 21, with eq 18's transposes)."""
    rotated = activation_basis.rotate(gradient_basis.rotate_columns(gradient))
    damped = rotated / (corrected_eigenvalues + damping)
    return activation_basis.rotate_back(gradient_basis.rotate_columns_back(damped))
