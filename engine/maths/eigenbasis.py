"""Eigenbases of the covariances, in float64."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import LinAlgError, eigh
from torch import Tensor

from engine.errors import NumericalError


def eigenbasis(matrix: Float[Tensor, "d d"], name: str) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
    """Eigenvalues (ascending, none below zero) and orthonormal eigenvectors (columns) of a covariance.

    Computed in float64 and returned in the dtype of `matrix`. When the divide-and-conquer solver does not
    converge, LAPACK's QR iteration, slower and sturdier, is tried before giving up.

    Raises: NumericalError, naming `name`, when the matrix is not finite or no solver converges.
    """
    if not bool(torch.isfinite(matrix).all()):
        raise NumericalError(
            f"The covariance of {name} holds NaN or infinity.",
            "Load the model in float32 (dtype='float32'), and look for sequences that overflow it.",
        )
    symmetric = matrix.double()
    symmetric = (symmetric + symmetric.T) / 2
    try:
        values, vectors = torch.linalg.eigh(symmetric)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        values, vectors = _by_qr_iteration(symmetric, name)
    return values.clamp(min=0).to(matrix.dtype), vectors.to(matrix.dtype)


def _by_qr_iteration(matrix: Float[Tensor, "d d"], name: str) -> tuple[Tensor, Tensor]:
    try:
        values, vectors = eigh(matrix.cpu().numpy(), driver="ev")
    except (LinAlgError, ValueError) as error:
        raise NumericalError(
            f"The eigendecomposition of the covariance of {name} failed: {error}.",
            "Fit on more sequences, or track other modules.",
        ) from error
    return (
        torch.from_numpy(np.ascontiguousarray(values)).to(matrix.device),
        torch.from_numpy(np.ascontiguousarray(vectors)).to(matrix.device),
    )
