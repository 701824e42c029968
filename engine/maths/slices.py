"""How many gradients are formed at a time: they are large and short-lived, so never a whole batch of them."""

from jaxtyping import Float
from torch import Tensor

# A processor's cache holds a few gradients; an accelerator needs much work a call.
CACHE_BYTES = 4 * 2**20
BUFFER_BYTES = 32 * 2**20
ACCELERATOR_BYTES = 512 * 2**20


def sequences_a_slice(
    output_gradients: Float[Tensor, "sequence token d_out"], activations: Float[Tensor, "sequence token d_in"]
) -> int:
    """Sequences whose whole gradients fit in a cache together; at least one."""
    gradient = output_gradients.shape[2] * activations.shape[2] * activations.element_size()
    return max(1, _bytes(output_gradients, CACHE_BYTES) // gradient)


def rows_a_slice(
    output_gradients: Float[Tensor, "sequence token d_out"], activations: Float[Tensor, "sequence token d_in"]
) -> int:
    """Rows of the gradients of all sequences that fit in a buffer together, spread evenly over the slices."""
    sequences, _, d_out = output_gradients.shape
    row = sequences * activations.shape[2] * activations.element_size()
    most = max(1, _bytes(output_gradients, BUFFER_BYTES) // row)
    slices = -(-d_out // most)
    return -(-d_out // slices)


def _bytes(tensor: Tensor, on_cpu: int) -> int:
    return on_cpu if tensor.device.type == "cpu" else ACCELERATOR_BYTES
