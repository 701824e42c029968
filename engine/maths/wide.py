"""The dtype in which sums are kept."""

import torch


def accumulating(dtype: torch.dtype) -> torch.dtype:
    """The dtype for sums of products of that dtype: float32, or float64 for float64."""
    return torch.promote_types(dtype, torch.float32)
