"""Diagonal blocks of a wide matrix (paper, appendix A: each factor of the 52B model in two)."""

from jaxtyping import Float
from torch import Tensor


def in_blocks(vectors: Float[Tensor, "*batch d"], block_width: int | None) -> tuple[Float[Tensor, "*batch _"], ...]:
    """The coordinates in as few parts of near-equal width as keep to `block_width`; None leaves them whole."""
    d = vectors.shape[-1]
    if block_width is None or d <= block_width:
        return (vectors,)
    return vectors.tensor_split(-(-d // block_width), dim=-1)
