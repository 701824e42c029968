"""EK-FAC's corrected eigenvalues (paper, eq 20): second moments of the gradient in the Kronecker eigenbasis."""

from jaxtyping import Float
from torch import Tensor

from engine.maths.gradient import sequence_gradients


def squared_gradient_sum(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    gradient_eigenvectors: Float[Tensor, "d_out d_out"],
    activation_eigenvectors: Float[Tensor, "d_in d_in"],
) -> Float[Tensor, "d_out d_in"]:
    """sum over sequences of (Q_S^T (sum_t d_t a_t^T) Q_A)_ij^2; divide by the number of sequences for L.

    The cheaper order is taken: rotating the tokens costs T (in^2 + out^2) a sequence, rotating the gradient
    in out (in + out).
    """
    tokens = output_gradients.shape[1]
    d_out, d_in = output_gradients.shape[2], activations.shape[2]
    if rotating_tokens_is_cheaper(tokens, d_in, d_out):
        rotated = sequence_gradients(output_gradients @ gradient_eigenvectors, activations @ activation_eigenvectors)
    else:
        gradients = sequence_gradients(output_gradients, activations)
        rotated = gradient_eigenvectors.T @ gradients @ activation_eigenvectors
    return rotated.square_().sum(dim=0)


def rotating_tokens_is_cheaper(tokens: int, d_in: int, d_out: int) -> bool:
    """Compare the multiplications of both orders; forming the gradient costs the same in either."""
    return tokens * (d_in**2 + d_out**2) <= d_in * d_out * (d_in + d_out)
