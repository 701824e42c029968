"""Damping: what is added to the corrected eigenvalues before they are inverted."""

from jaxtyping import Float
from torch import Tensor

from engine.terms import Damping, RelativeDamping


def damping_value(damping: Damping, corrected_eigenvalues: Float[Tensor, "d_out d_in"]) -> float:
    """The lambda of (L + lambda) for one module, in nats^2; by default 0.1 x mean(L) (paper, section 4)."""
    if isinstance(damping, RelativeDamping):
        return damping.factor * float(corrected_eigenvalues.double().mean())
    return damping.value
