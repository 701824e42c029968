"""How far two sets of scores of the same sequences agree: their heaviest, their ranks, and the scores themselves."""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.stats import rankdata

Scores = Float[NDArray[np.floating], " sequence"]


def heaviest_places(scores: Scores, top: int) -> Int[NDArray[np.int64], " top"]:
    """Places of the `top` greatest scores, greatest first; of equal scores the earlier place comes first."""
    return np.argsort(-scores.astype(np.float64), kind="stable")[:top]


def shared_share(left: Scores, right: Scores, top: int) -> float:
    """Of the `top` greatest of either side, the share that the other's `top` hold too; fewer scores, fewer counted."""
    kept = min(top, len(left))
    return len(set(heaviest_places(left, kept)) & set(heaviest_places(right, kept))) / kept


def jaccard(left: Scores, right: Scores, top: int) -> float:
    """Of the places among the `top` greatest of one side or both, the share among those of both."""
    share = shared_share(left, right, top)
    return share / (2 - share)


def pearson(left: Scores, right: Scores) -> float:
    """The correlation of the scores, in float64; NaN when a side does not vary."""
    centred = [side.astype(np.float64) - side.astype(np.float64).mean() for side in (left, right)]
    scale = float(np.linalg.norm(centred[0]) * np.linalg.norm(centred[1]))
    return float(centred[0] @ centred[1]) / scale if scale > 0 else float("nan")


def spearman(left: Scores, right: Scores) -> float:
    """The correlation of the ranks; equal scores share their mean rank. NaN when a side does not vary."""
    return pearson(rankdata(left), rankdata(right))
