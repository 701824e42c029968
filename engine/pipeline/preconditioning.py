"""Preconditioning the queries of one module as they come, and keeping them whole or factored."""

from collections.abc import Sequence as Series
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from engine.errors import NumericalError
from engine.maths.damping import damping_value
from engine.maths.gradient import rotated_gradients
from engine.maths.low_rank import factor, factor_to_energy
from engine.storage.factors import ModuleFactors
from engine.storage.prepared import Factored, Preconditioned, Whole
from engine.terms import RetainedEnergy, ScoreConfig


class _Kept(Protocol):
    """Where the preconditioned queries of a module are kept as they come, in the eigenbasis."""

    def add(self, place: int, rotated: Float[Tensor, "d_out d_in"]) -> None:
        """Keep the query at `place`."""

    def finished(self) -> Preconditioned:
        """All of them."""


class Preconditioning:
    """One module's part of preparing queries: rotate, divide by (L + damping), rotate back (paper, eqs 18, 21)."""

    def __init__(self, name: str, fitted: ModuleFactors, queries: int, config: ScoreConfig) -> None:
        self._name, self._fitted = name, fitted
        self._damped = fitted.corrected_eigenvalues + damping_value(config.damping, fitted.corrected_eigenvalues)
        dtype = torch.bfloat16 if config.precision == "bfloat16" else self._damped.dtype
        self.kept: _Kept = (
            _KeptWhole(fitted, queries, dtype)
            if config.rank is None
            else _KeptFactored(fitted, queries, config.rank, dtype)
        )

    def add(
        self,
        index: Series[int],
        output_gradients: Float[Tensor, "query token d_out"],
        activations: Float[Tensor, "query token d_in"],
    ) -> None:
        places = iter(index)
        bases = self._fitted.gradient_basis, self._fitted.activation_basis
        for some in rotated_gradients(output_gradients, activations, *bases):
            for rotated in some:
                preconditioned = rotated / self._damped
                if not bool(torch.isfinite(preconditioned.sum())):
                    raise NumericalError(
                        f"The preconditioned query of {self._name} holds NaN or infinity.",
                        "Raise the damping, or fit again.",
                    )
                self.kept.add(next(places), preconditioned)


class _KeptWhole:
    """Queries as whole matrices, rotated back."""

    def __init__(self, fitted: ModuleFactors, queries: int, dtype: torch.dtype) -> None:
        self._fitted = fitted
        self._matrix = torch.empty(
            queries, *fitted.corrected_eigenvalues.shape, dtype=dtype, device=fitted.corrected_eigenvalues.device
        )

    def add(self, place: int, rotated: Float[Tensor, "d_out d_in"]) -> None:
        inner = self._fitted.activation_basis.rotate_back(rotated)
        self._matrix[place] = self._fitted.gradient_basis.rotate_columns_back(inner)

    def finished(self) -> Preconditioned:
        return Whole(self._matrix)


class _KeptFactored:
    """Queries as factors: found in the eigenbasis, where they cost the same, and only they are rotated back."""

    def __init__(self, fitted: ModuleFactors, queries: int, rank: int | RetainedEnergy, dtype: torch.dtype) -> None:
        self._fitted, self._rank, self._dtype = fitted, rank, dtype
        self._left: list[Tensor | None] = [None] * queries
        self._right: list[Tensor | None] = [None] * queries

    def add(self, place: int, rotated: Float[Tensor, "d_out d_in"]) -> None:
        if isinstance(self._rank, RetainedEnergy):
            left, right = factor_to_energy(rotated, self._rank.share)
        else:
            left, right = factor(rotated, self._rank)
        self._left[place] = self._fitted.gradient_basis.rotate_columns_back(left).to(self._dtype)
        self._right[place] = self._fitted.activation_basis.rotate_columns_back(right).to(self._dtype)

    def finished(self) -> Preconditioned:
        return Factored(_side_by_side(self._left), _side_by_side(self._right))


def _side_by_side(factors: list[Tensor | None]) -> Float[Tensor, "query d rank"]:
    """Stacked, the lower ranks filled up with zero columns."""
    made = [part for part in factors if part is not None]
    widest = max(part.shape[1] for part in made)
    return torch.stack([pad(part, (0, widest - part.shape[1])) for part in made])
