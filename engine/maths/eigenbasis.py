"""Eigenbases of the covariances, in float64."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import LinAlgError, eigh
from torch import Tensor

from engine.errors import NumericalError

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Eigenbasis:
    """Eigenvalues of a covariance and its orthonormal eigenvectors Q, as columns; a wide one's in diagonal blocks.

    One block, the usual case, is the whole of Q, and every rotation is then one matrix product. Eigenvalues ascend
    within each block and are never below zero.
    """

    values: Float[Tensor, " d"]
    blocks: tuple[Float[Tensor, "_ _"], ...]

    def rotate(self, rows: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """X Q: the coordinates of each row in the basis."""
        return self._product(rows, -1, lambda part, block: part @ block)

    def rotate_back(self, rows: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """X Q^T: rows of coordinates as they were before `rotate`."""
        return self._product(rows, -1, lambda part, block: part @ block.T)

    def rotate_columns(self, columns: Float[Tensor, "*batch d n"]) -> Float[Tensor, "*batch d n"]:
        """Q^T X: the coordinates of each column in the basis."""
        return self._product(columns, -2, lambda part, block: block.T @ part)

    def rotate_columns_back(self, columns: Float[Tensor, "*batch d n"]) -> Float[Tensor, "*batch d n"]:
        """Q X: columns of coordinates as they were before `rotate_columns`."""
        return self._product(columns, -2, lambda part, block: block @ part)

    def dense(self) -> Float[Tensor, "d d"]:
        """Q as one matrix; a single block itself, not a copy."""
        if len(self.blocks) == 1:
            return self.blocks[0]
        whole: Tensor = torch.block_diag(*self.blocks)  # type: ignore[no-untyped-call]
        return whole

    def to(self, device: torch.device) -> "Eigenbasis":
        """The same on a device; itself where it is there already."""
        if self.values.device == device:
            return self
        return Eigenbasis(self.values.to(device), tuple(block.to(device) for block in self.blocks))

    def _product(self, vectors: Tensor, axis: int, product: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        # Vectors in bfloat16 ask for a product in it.
        blocks = [block.to(vectors.dtype) for block in self.blocks]
        if len(blocks) == 1:
            return product(vectors, blocks[0])
        parts = torch.split_with_sizes(vectors, [len(block) for block in blocks], dim=axis)
        return torch.cat([product(part, block) for part, block in zip(parts, blocks, strict=True)], dim=axis)


def eigenbasis(blocks: Iterable[Float[Tensor, "_ _"]], name: str, device: torch.device | None = None) -> Eigenbasis:
    """The eigenbasis of a covariance given as its diagonal blocks. Raises: as `eigenvectors` does."""
    solved = [eigenvectors(block, name, device) for block in blocks]
    return Eigenbasis(torch.cat([values for values, _ in solved]), tuple(vectors for _, vectors in solved))


def eigenvectors(
    matrix: Float[Tensor, "d d"], name: str, device: torch.device | None = None
) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
    """Eigenvalues (ascending, none below zero) and orthonormal eigenvectors (columns) of a covariance.

    Computed in float64, on `device` if one is given, and returned where `matrix` is and in its dtype. A device
    without the memory for it leaves it to the CPU. When the divide-and-conquer solver does not converge,
    LAPACK's QR iteration, slower and sturdier, is tried before giving up.

    Raises: NumericalError, naming `name`, when the matrix is not finite or no solver converges.
    """
    if not bool(torch.isfinite(matrix).all()):
        raise NumericalError(
            f"The covariance of {name} holds NaN or infinity.",
            "Load the model in float32 (dtype='float32'), and look for sequences that overflow it.",
        )
    values, vectors = _solved(matrix, name, device or matrix.device)
    # Solvers leave columns contiguous; rows are what a file gives back, and what rounding then agrees with.
    return values.clamp(min=0).to(matrix), vectors.to(matrix).contiguous()


def _solved(matrix: Float[Tensor, "d d"], name: str, device: torch.device) -> tuple[Tensor, Tensor]:
    # Moved first: only some devices have float64.
    try:
        symmetric = matrix.to(device).double()
        symmetric = (symmetric + symmetric.T) / 2
        values, vectors = torch.linalg.eigh(symmetric)
    except torch.OutOfMemoryError:
        return _solved(matrix, name, CPU)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        return _by_qr_iteration(symmetric, name)
    return values, vectors


def _by_qr_iteration(matrix: Float[Tensor, "d d"], name: str) -> tuple[Tensor, Tensor]:
    try:
        values, vectors = eigh(matrix.cpu().numpy(), driver="ev")
    except (LinAlgError, ValueError) as error:
        raise NumericalError(
            f"The eigendecomposition of the covariance of {name} failed: {error}.",
            "Fit on more sequences, or track other modules.",
        ) from error
    return torch.from_numpy(np.ascontiguousarray(values)), torch.from_numpy(np.ascontiguousarray(vectors))
