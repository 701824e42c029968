"""Forward and backward of one batch: from token ids to the activations and gradients of the tracked modules."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from engine.corpus.batches import Batch
from engine.maths.measurement import log_likelihood_gradient
from engine.maths.sampling import sample_labels, uniforms
from engine.model.capture import Capture, Captured
from engine.terms import FactorConfig

# The logits are the largest tensor there is, so what is made of them is made in as many parts.
LOGIT_PARTS = 8

LabelChoice = Callable[[Batch, Tensor], Int[Tensor, "sequence token"]]


def true_labels(batch: Batch, _: Tensor) -> Int[Tensor, "sequence token"]:
    """The next tokens."""
    return batch.next_tokens


def labels_for_fitting(config: FactorConfig) -> LabelChoice:
    """True labels, or labels sampled from the model that depend on (seed, sequence, position) only."""
    if config.labels == "true":
        return true_labels

    def sampled(batch: Batch, logits: Tensor) -> Int[Tensor, "sequence token"]:
        uniform = uniforms(config.seed, batch.index, batch.ids.shape[1]).to(logits.device).flatten()[None]
        flat = logits.view(1, -1, logits.shape[-1])
        parts = [sample_labels(flat[:, part], uniform[:, part]) for part in _parts(flat)]
        return torch.cat(parts, dim=1).view(batch.ids.shape)

    return sampled


def captured_gradients(opened: Capture, labels: LabelChoice, batch: Batch) -> Captured:
    """Activations, and gradients of the summed log-likelihood of the labels.

    The logits and their gradient are gone when it returns, before anything is made of what was captured.
    """
    logits = opened.forward(batch.ids)
    chosen, counted = labels(batch, logits).flatten()[None], batch.predicting.flatten()[None]
    flat = logits.view(1, -1, logits.shape[-1])
    for part in _parts(flat):
        # The gradient takes the place of the logits.
        flat[:, part] = log_likelihood_gradient(flat[:, part], chosen[:, part], counted[:, part])
    return opened.backward(logits)


def _parts(flat: Float[Tensor, "one position vocabulary"]) -> Iterator[slice]:
    """Consecutive positions."""
    few = -(-flat.shape[1] // LOGIT_PARTS)
    return (slice(start, start + few) for start in range(0, flat.shape[1], few))
