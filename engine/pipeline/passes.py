"""One pass over sequences: forward, backward, and what was captured, batch after batch."""

from collections.abc import Callable

from jaxtyping import Int
from torch import Tensor

from engine.corpus.batches import Batch, Sequences, batches
from engine.maths.measurement import log_likelihood_gradient
from engine.maths.sampling import sample_labels, uniforms
from engine.model.capture import Captured, capture
from engine.model.language_model import LanguageModel
from engine.terms import FactorConfig, Progress, ProgressCallback

LabelChoice = Callable[[Batch, Tensor], Int[Tensor, "sequence token"]]


def true_labels(batch: Batch, _: Tensor) -> Int[Tensor, "sequence token"]:
    """The next tokens."""
    return batch.next_tokens


def labels_for_fitting(config: FactorConfig) -> LabelChoice:
    """True labels, or labels sampled from the model that depend on (seed, sequence, position) only."""
    if config.labels == "true":
        return true_labels

    def sampled(batch: Batch, logits: Tensor) -> Int[Tensor, "sequence token"]:
        return sample_labels(logits, uniforms(config.seed, batch.index, batch.ids.shape[1]).to(logits.device))

    return sampled


def run_pass(
    model: LanguageModel,
    sequences: Sequences,
    batch_tokens: int,
    labels: LabelChoice,
    consume: Callable[[Batch, Captured], None],
    stage: str,
    progress: ProgressCallback,
) -> None:
    """Hand activations and gradients of the summed log-likelihood of the labels to `consume`, batch by batch.

    A callback rather than a generator, so that an exception anywhere in it takes the hooks off at once.
    """
    done, total = 0, len(sequences)
    progress(Progress(stage, 0, total))
    with capture(model) as opened:
        for batch in batches(model, sequences, batch_tokens):
            logits = opened.forward(batch.ids)
            gradient = log_likelihood_gradient(logits, labels(batch, logits), batch.predicting)
            del logits
            consume(batch, opened.backward(gradient))
            done += len(batch.index)
            progress(Progress(stage, done, total))
