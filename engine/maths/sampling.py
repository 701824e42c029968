"""Labels sampled from the model, reproducible one by one."""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(seed: int, sequences: Int[Tensor, " sequence"], positions: int) -> Float[Tensor, "sequence position"]:
    """Uniform numbers in [0, 1), each a hash of (seed, sequence, position) only (SplitMix64 finaliser).

    No generator state is carried along, so a label does not depend on batch, shard or order.
    """
    index = sequences.cpu().numpy().astype(np.uint64)[:, None]
    position = np.arange(positions, dtype=np.uint64)[None, :]
    with np.errstate(over="ignore"):
        start = _mix(np.full((1, 1), seed % 2**64, dtype=np.uint64))
        key = _mix(_mix(start + index * _GOLDEN) + position * _GOLDEN)
    return torch.from_numpy((key >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def sample_labels(
    logits: Float[Tensor, "sequence token vocabulary"], uniform: Float[Tensor, "sequence token"]
) -> Int[Tensor, "sequence token"]:
    """Draw a label a position by inverting the cumulative distribution of softmax(logits) at `uniform`."""
    cumulative = torch.softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1).cumsum_(-1)
    # Scaled by the last entry, which rounding leaves near 1, so that every draw falls inside the table.
    target = uniform.to(cumulative) * cumulative[..., -1]
    labels = torch.searchsorted(cumulative, target.unsqueeze(-1), right=True).squeeze(-1)
    return labels.clamp_(max=logits.shape[-1] - 1)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
