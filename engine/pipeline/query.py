"""Preparing queries: the gradient of each measurement, preconditioned and, if asked, factored."""

from collections.abc import Callable
from collections.abc import Sequence as Series
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.corpus.encoding import Encoded, encode, query_batches
from engine.errors import QueryError
from engine.maths.gradient import sequence_gradients
from engine.maths.measurement import log_likelihood_gradient, log_likelihoods
from engine.model.capture import Captured, capture
from engine.model.language_model import LanguageModel
from engine.pipeline.preconditioning import Preconditioning
from engine.storage.factors import Factors
from engine.storage.prepared import PreparedQueries
from engine.terms import Measurement, Progress, ProgressCallback, ScoreConfig, silent

# Queries are short; more tokens at a time bring nothing.
BATCH_TOKENS = 2048


def prepare(
    model: LanguageModel,
    factors: Factors,
    queries: Series[Measurement],
    config: ScoreConfig = ScoreConfig(),
    progress: ProgressCallback | None = None,
) -> PreparedQueries:
    """Precondition the gradients of the measurements once; the result serves any number of scans.

    Memory is one matrix [out, in] a tracked module and query at full rank; rank (in + out) when factored.

    Raises: QueryError, FactorsError (factors of another model), NumericalError (naming the module).
    """
    if not queries:
        raise QueryError("There is no query.", "Give at least one Query(prompt=..., completion=...).")
    factors.check(model)
    encoded = [encode(model, query) for query in queries]
    modules = {
        name: Preconditioning(name, factors.modules[name].to(model.device_of(name)), len(queries), config)
        for name in model.tracked
    }

    def consume(index: Series[int], captured: Captured) -> None:
        for name, module in modules.items():
            module.add(index, captured.output_gradients[name], captured.activations[name])

    found = measure(model, encoded, consume, progress or silent)
    prepared = {name: module.kept.finished() for name, module in modules.items()}
    return PreparedQueries(prepared, found.log_p, found.log_p_against, model.fingerprint, factors.fingerprint)


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements in nats, and of the contrasts among them the log p of what they are held against."""

    log_p: tuple[float, ...]
    log_p_against: tuple[float | None, ...]


def measured_gradients(
    model: LanguageModel, encoded: Series[Encoded], progress: ProgressCallback = silent
) -> tuple[Measured, dict[str, Tensor]]:
    """The measurements, and the gradient [query, out, in] of each in each tracked weight."""
    gradients: dict[str, list[Tensor | None]] = {name: [None] * len(encoded) for name in model.tracked}

    def consume(index: Series[int], captured: Captured) -> None:
        for name, parts in gradients.items():
            found = sequence_gradients(captured.output_gradients[name], captured.activations[name])
            for place, gradient in zip(index, found, strict=True):
                parts[place] = gradient

    measured = measure(model, encoded, consume, progress)
    return measured, {name: torch.stack([p for p in parts if p is not None]) for name, parts in gradients.items()}


def measure(
    model: LanguageModel,
    encoded: Series[Encoded],
    consume: Callable[[Series[int], Captured], None],
    progress: ProgressCallback,
) -> Measured:
    """The measurements; what the gradient of each is made of goes to `consume`, batch by batch."""
    log_p: list[float] = [0.0] * len(encoded)
    against: list[float | None] = [None] * len(encoded)
    done = 0
    with capture(model) as opened:
        for batch in query_batches(encoded, BATCH_TOKENS, model.device):
            progress(Progress("gradients", done, len(encoded)))
            logits = opened.forward(batch.ids)
            found = log_likelihoods(logits, batch.labels, batch.counted).tolist()
            few = len(batch.index)
            for row, place in enumerate(batch.index):
                log_p[place] = found[row] - (found[few + row] if batch.contrasts else 0.0)
                against[place] = found[few + row] if batch.contrasts else None
            gradient = log_likelihood_gradient(logits, batch.labels, batch.counted)
            # The rows held against a query count with a minus; the first rows are the queries themselves.
            gradient[few:].neg_()
            del logits
            captured = opened.backward(gradient)
            consume(batch.index, _joined(captured, few) if batch.contrasts else captured)
            done += few
    progress(Progress("gradients", len(encoded), len(encoded)))
    return Measured(tuple(log_p), tuple(against))


def log_p_of(model: LanguageModel, encoded: Encoded) -> float:
    """One measurement, without its gradient."""
    (batch,) = query_batches([encoded], 1, model.device)
    with torch.no_grad():
        logits = model.hf_model(input_ids=batch.ids, use_cache=False).logits
        found = log_likelihoods(logits, batch.labels, batch.counted)
    return float(found[0] - found[1]) if batch.contrasts else float(found[0])


def _joined(captured: Captured, few: int) -> Captured:
    """Both rows of each contrast as one of twice the tokens: a gradient is a sum over tokens, so it is their sum."""

    def side_by_side(rows: Tensor) -> Tensor:
        return torch.cat([rows[:few], rows[few:]], dim=1)

    return Captured(
        {name: side_by_side(rows) for name, rows in captured.activations.items()},
        {name: side_by_side(rows) for name, rows in captured.output_gradients.items()},
    )
