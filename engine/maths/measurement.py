"""Log-probabilities of labels and their derivative in the logits."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def log_likelihoods(
    logits: Float[Tensor, "sequence token vocabulary"],
    labels: Int[Tensor, "sequence token"],
    counted: Bool[Tensor, "sequence token"],
) -> Float[Tensor, " sequence"]:
    """sum over counted positions of log p(label | what precedes), in nats; the log-sum-exp is in float32 or more."""
    rows = logits[counted]
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
    picked = rows.gather(1, labels[counted].unsqueeze(1)).squeeze(1) - rows.logsumexp(1)
    sums = picked.new_zeros(logits.shape[0])
    return sums.index_add_(0, counted.nonzero()[:, 0], picked)


def log_likelihood_gradient(
    logits: Float[Tensor, "sequence token vocabulary"],
    labels: Int[Tensor, "sequence token"],
    counted: Bool[Tensor, "sequence token"],
) -> Float[Tensor, "sequence token vocabulary"]:
    """The derivative of the summed log-likelihood in the logits: onehot(label) - softmax, 0 where not counted.

    Made in one buffer of the logits' dtype, so no second copy of the logits is kept; the softmax itself
    computes in float32 whatever that is.
    """
    gradient = torch.softmax(logits, dim=-1).neg_()
    gradient.scatter_add_(-1, labels.unsqueeze(-1), gradient.new_ones(()).expand(*labels.shape, 1))
    return gradient.masked_fill_(~counted.unsqueeze(-1), 0)
