"""The preconditioned query: the query's gradient times the damped inverse of the Gauss-Newton approximation."""

from jaxtyping import Float
from torch import Tensor


def precondition(
    gradient: Float[Tensor, "*query d_out d_in"],
    gradient_eigenvectors: Float[Tensor, "d_out d_out"],
    activation_eigenvectors: Float[Tensor, "d_in d_in"],
    corrected_eigenvalues: Float[Tensor, "d_out d_in"],
    damping: float,
) -> Float[Tensor, "*query d_out d_in"]:
    """P = Q_S [ (Q_S^T G Q_A) / (L + damping) ] Q_A^T (paper, eqs 18 and 21, with eq 18's transposes)."""
    rotated = gradient_eigenvectors.T @ gradient @ activation_eigenvectors
    return gradient_eigenvectors @ (rotated / (corrected_eigenvalues + damping)) @ activation_eigenvectors.T
