"""Preparing queries: the gradient of each measurement, preconditioned and, if asked, factored."""

from collections.abc import Callable
from collections.abc import Sequence as Series

import torch
from torch import Tensor

from engine.corpus.encoding import EncodedQuery, encode_query, query_batches
from engine.errors import QueryError
from engine.maths.gradient import sequence_gradients
from engine.maths.measurement import log_likelihood_gradient, log_likelihoods
from engine.model.capture import Captured, capture
from engine.model.language_model import LanguageModel
from engine.pipeline.preconditioning import Preconditioning
from engine.storage.factors import Factors
from engine.storage.prepared import PreparedQueries
from engine.terms import Progress, ProgressCallback, Query, ScoreConfig, silent

# Queries are short; more tokens at a time bring nothing.
BATCH_TOKENS = 2048


def prepare(
    model: LanguageModel,
    factors: Factors,
    queries: Series[Query],
    config: ScoreConfig = ScoreConfig(),
    progress: ProgressCallback | None = None,
) -> PreparedQueries:
    """Precondition the gradients of log p(completion | prompt) once; the result serves any number of scans.

    Memory is one matrix [out, in] a tracked module and query at full rank; rank (in + out) when factored.

    Raises: QueryError, FactorsError (factors of another model), NumericalError (naming the module).
    """
    if not queries:
        raise QueryError("There is no query.", "Give at least one Query(prompt=..., completion=...).")
    factors.check(model)
    encoded = [encode_query(model, query) for query in queries]
    modules = {
        name: Preconditioning(name, factors.modules[name].to(model.device_of(name)), len(queries), config)
        for name in model.tracked
    }

    def consume(index: Series[int], captured: Captured) -> None:
        for name, module in modules.items():
            module.add(index, captured.output_gradients[name], captured.activations[name])

    log_p = measure(model, encoded, consume, progress or silent)
    prepared = {name: module.kept.finished() for name, module in modules.items()}
    return PreparedQueries(prepared, tuple(log_p), model.fingerprint, factors.fingerprint)


def measured_gradients(
    model: LanguageModel, encoded: list[EncodedQuery], progress: ProgressCallback = silent
) -> tuple[list[float], dict[str, Tensor]]:
    """log p(completion | prompt) of each query, and its gradient [query, out, in] in each tracked weight."""
    gradients: dict[str, list[Tensor | None]] = {name: [None] * len(encoded) for name in model.tracked}

    def consume(index: Series[int], captured: Captured) -> None:
        for name, parts in gradients.items():
            found = sequence_gradients(captured.output_gradients[name], captured.activations[name])
            for place, gradient in zip(index, found, strict=True):
                parts[place] = gradient

    log_p = measure(model, encoded, consume, progress)
    return log_p, {name: torch.stack([p for p in parts if p is not None]) for name, parts in gradients.items()}


def measure(
    model: LanguageModel,
    encoded: list[EncodedQuery],
    consume: Callable[[Series[int], Captured], None],
    progress: ProgressCallback,
) -> list[float]:
    """log p(completion | prompt) of each query; what its gradient is made of goes to `consume`, batch by batch."""
    log_p = [0.0] * len(encoded)
    done = 0
    with capture(model) as opened:
        for batch in query_batches(encoded, BATCH_TOKENS, model.device):
            progress(Progress("gradients", done, len(encoded)))
            logits = opened.forward(batch.ids)
            found = log_likelihoods(logits, batch.labels, batch.counted).tolist()
            for place, value in zip(batch.index, found, strict=True):
                log_p[place] = value
            gradient = log_likelihood_gradient(logits, batch.labels, batch.counted)
            del logits
            consume(batch.index, opened.backward(gradient))
            done += len(batch.index)
    progress(Progress("gradients", len(encoded), len(encoded)))
    return log_p
