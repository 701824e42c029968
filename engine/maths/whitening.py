"""Whitening: gradients scaled in the eigenbasis so that an influence is a plain inner product of two of them."""

from jaxtyping import Float
from torch import Tensor


def whitening(corrected_eigenvalues: Float[Tensor, "d_out d_in"], damping: float) -> Float[Tensor, "d_out d_in"]:
    """(L + damping)^-1/2, by which entries of a gradient in the eigenbasis are multiplied.

    Half of the division in eq 21 falls to the query and half to the sequence: with W = whitening x (Q_S^T G Q_A)
    of both, the influence through the module is the sum of the entries of W_query x W_sequence, in nats.
    """
    return (corrected_eigenvalues + damping).rsqrt()


def inner_products(
    queries: Float[Tensor, "query d_out d_in"], sequences: Float[Tensor, "sequence d_out d_in"]
) -> Float[Tensor, "sequence query"]:
    """The influences of sequences on queries through one module, both whitened."""
    return sequences.flatten(1) @ queries.flatten(1).T
