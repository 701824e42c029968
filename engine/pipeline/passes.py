"""One pass over sequences: forward, backward, and what was captured, batch after batch."""

from collections.abc import Callable
from functools import partial

from engine.corpus.batches import Batch, Sequences, batches
from engine.model.capture import IN_FLOAT32, Captured, Products, capture
from engine.model.language_model import LanguageModel
from engine.pipeline.footprint import tokens_in_force
from engine.pipeline.one_batch import LabelChoice, captured_gradients, labels_for_fitting, true_labels
from engine.pipeline.recovery import Fitting
from engine.terms import BatchTokens, Progress, ProgressCallback

__all__ = ["LabelChoice", "labels_for_fitting", "run_pass", "true_labels"]


def run_pass(
    model: LanguageModel,
    sequences: Sequences,
    batch_tokens: BatchTokens,
    labels: LabelChoice,
    consume: Callable[[Batch, Captured], None],
    stage: str,
    progress: ProgressCallback,
    done: int = 0,
    products: Products = IN_FLOAT32,
) -> None:
    """Hand activations and gradients of the summed log-likelihood of the labels to `consume`, batch by batch.

    done: sequences that an earlier, interrupted pass has consumed in whole batches; they are left out.

    A callback rather than a generator, so that an exception anywhere in it takes the hooks off at once. A batch
    that does not fit in memory is cut, and the pass goes on with batches of that size; `consume` then gets parts.
    """
    total, budget = len(sequences), tokens_in_force(model, sequences, batch_tokens, products)
    progress(Progress(stage, done, total))
    with capture(model, products) as opened:
        fitting = Fitting(budget, opened.release)
        for batch in batches(model, sequences, budget, done):
            fitting.run(batch, partial(captured_gradients, opened, labels), consume)
            done += len(batch.index)
            progress(Progress(stage, done, total))
