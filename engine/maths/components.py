"""The leading singular components of many matrices at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

# Sketched columns beyond those asked for.
OVERSAMPLING = 4
SEED = 0


@dataclass(frozen=True, slots=True)
class Components:
    """sum_k value_k left_k right_k^T near each matrix, the heaviest component first; left and right are unit vectors.

    A component that the matrix does not have (its rank is lower) has the value 0.
    """

    left: Float[Tensor, "matrix component d_out"]
    right: Float[Tensor, "matrix component d_in"]
    values: Float[Tensor, "matrix component"]


def joined(parts: Sequence[Components]) -> Components:
    """The components of the matrices of all parts, in order."""
    return Components(
        left=torch.cat([part.left for part in parts]),
        right=torch.cat([part.right for part in parts]),
        values=torch.cat([part.values for part in parts]),
    )


def leading_components(matrices: Float[Tensor, "matrix d_out d_in"], count: int, refinements: int = 1) -> Components:
    """The first `count` singular components of each matrix, or as many as the smaller side allows.

    Found by randomised subspace iteration (Halko et al. 2011) from one fixed sketch: near the best, for 2 + 2 x
    `refinements` products with each matrix. Exact, up to rounding, where the sketch would be as wide as the matrix.
    """
    d_out, d_in = matrices.shape[1:]
    if d_in < d_out:
        turned = leading_components(matrices.transpose(1, 2), count, refinements)
        return Components(turned.right, turned.left, turned.values)
    count, width = min(count, d_out), count + OVERSAMPLING
    if width >= d_out:
        return _exact(matrices, count)
    basis = _range(matrices, width, refinements)
    inner = _exact(basis.transpose(1, 2) @ matrices, count)
    return Components(inner.left @ basis.transpose(1, 2), inner.right, inner.values)


def _range(matrices: Float[Tensor, "matrix d_out d_in"], width: int, refinements: int) -> Tensor:
    """Orthonormal columns [matrix, d_out, width] that span most of each matrix."""
    generator = torch.Generator().manual_seed(SEED)
    sketch = torch.randn(matrices.shape[2], width, generator=generator, dtype=torch.float64).to(matrices)
    columns = matrices @ sketch
    for _ in range(refinements):
        rows = _orthonormal(matrices.transpose(1, 2) @ _orthonormal(columns))
        columns = matrices @ rows
    return _orthonormal(columns)


def _orthonormal(columns: Float[Tensor, "matrix d width"]) -> Float[Tensor, "matrix d width"]:
    """Columns of the same span, by Cholesky's factors of their Gram matrix: a few products where QR takes a loop.

    Directions that are nothing but rounding come out short instead of orthonormal, and then count for nothing.
    """
    gram = columns.transpose(1, 2) @ columns
    diagonal = gram.diagonal(dim1=1, dim2=2)
    tiny = torch.finfo(gram.dtype)
    diagonal += (10 * tiny.eps * diagonal.sum(1) + tiny.tiny)[:, None]
    lower = torch.linalg.cholesky_ex(gram)[0]
    rows: Tensor = torch.linalg.solve_triangular(lower, columns.transpose(1, 2), upper=False)
    return rows.transpose(1, 2)


def _exact(matrices: Float[Tensor, "matrix few d_in"], count: int) -> Components:
    """From the eigenvectors of the small Gram matrix M M^T."""
    left = torch.linalg.eigh(matrices @ matrices.transpose(1, 2))[1].flip(2)[:, :, :count].transpose(1, 2)
    right = left @ matrices
    values = right.norm(dim=2)
    return Components(left, right / values.clamp(min=torch.finfo(values.dtype).tiny)[:, :, None], values)
