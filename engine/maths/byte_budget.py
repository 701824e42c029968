"""Which components are worth their bytes."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def densities(
    values: Float[Tensor, "sequence component"], squared_norms: Float[Tensor, " sequence"], share_of_bytes: float
) -> Float[Tensor, "sequence component"]:
    """How dense each component of one module is: its share of its sequence's squared norm over its share of bytes.

    squared_norms: of the sequences' whitened gradients through all modules.
    share_of_bytes: the bytes of one component of this module over those of one component of every module.

    Keeping the components above one density loses least squared norm at that many bytes, sequence by sequence.
    """
    return values.square() / (share_of_bytes * squared_norms + (squared_norms == 0))[:, None]


def density_within(densities: Float[Tensor, " component"], costs: Float[Tensor, " component"], budget: float) -> float:
    """The least density at which the components that have it, or more, cost no more than the budget.

    0 when all of them may be kept, infinity when none may.
    """
    order = densities.argsort(descending=True, stable=True)
    within: Bool[Tensor, " component"] = costs[order].double().cumsum(0) <= budget
    kept = int(within.sum())
    if kept == len(densities):
        return 0.0
    # Components as dense as the first that is too much are left out with it.
    sparser = densities[order[:kept]] > densities[order[kept]]
    return float(densities[order[: int(sparser.sum())]].min()) if bool(sparser.any()) else torch.inf
