"""EK-FAC's corrected eigenvalues (paper, eq 20): second moments of the gradient in the Kronecker eigenbasis."""

from jaxtyping import Float
from torch import Tensor

from engine.maths.eigenbasis import Eigenbasis
from engine.maths.gradient import rotated_gradients
from engine.maths.wide import accumulating


def squared_gradient_sum(
    output_gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    gradient_basis: Eigenbasis,
    activation_basis: Eigenbasis,
) -> Float[Tensor, "d_out d_in"]:
    """sum over sequences of (Q_S^T (sum_t d_t a_t^T) Q_A)_ij^2; divide by the number of sequences for L.

    The sum is in float32 or more, whatever the dtype of the products.
    """
    d_out, d_in = output_gradients.shape[2], activations.shape[2]
    total = output_gradients.new_zeros(d_out, d_in, dtype=accumulating(output_gradients.dtype))
    for gradients in rotated_gradients(output_gradients, activations, gradient_basis, activation_basis):
        wide = gradients.to(total.dtype)
        if len(wide) == 1:
            total.addcmul_(wide[0], wide[0])
        else:
            total.add_(wide.square().sum(dim=0))
    return total
