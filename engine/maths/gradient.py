"""Gradients of a sequence's summed loss with respect to one weight, from activations and output gradients."""

from jaxtyping import Float
from torch import Tensor


def sequence_gradients(
    output_gradients: Float[Tensor, "sequence token d_out"], activations: Float[Tensor, "sequence token d_in"]
) -> Float[Tensor, "sequence d_out d_in"]:
    """G = sum_t d_t a_t^T for each sequence: the gradient with respect to the weight, as [out, in]."""
    return output_gradients.transpose(1, 2) @ activations
