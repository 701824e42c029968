"""Preparing queries: the gradient of each measurement, preconditioned and, if asked, factored."""

from collections.abc import Sequence as Series

import torch
from torch import Tensor

from engine.corpus.encoding import EncodedQuery, encode_query
from engine.errors import NumericalError, QueryError
from engine.maths.damping import damping_value
from engine.maths.gradient import sequence_gradients
from engine.maths.low_rank import factor, rank_for_energy
from engine.maths.measurement import log_likelihood_gradient, log_likelihoods
from engine.maths.precondition import precondition
from engine.model.capture import capture
from engine.model.language_model import LanguageModel
from engine.storage.factors import Factors
from engine.storage.prepared import Factored, Preconditioned, PreparedQueries, Whole
from engine.terms import Progress, ProgressCallback, Query, Rank, RetainedEnergy, ScoreConfig, silent


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
    report = progress or silent
    log_p, gradients = measured_gradients(model, [encode_query(model, query) for query in queries], report)
    modules: dict[str, Preconditioned] = {}
    for name in model.tracked:
        fitted = factors.modules[name]
        whole = precondition(
            gradients.pop(name),
            fitted.gradient_eigenvectors,
            fitted.activation_eigenvectors,
            fitted.corrected_eigenvalues,
            damping_value(config.damping, fitted.corrected_eigenvalues),
        )
        if not bool(torch.isfinite(whole).all()):
            raise NumericalError(
                f"The preconditioned query of {name} holds NaN or infinity.",
                "Raise the damping, or fit again.",
            )
        modules[name] = _ranked(whole, config.rank)
    return PreparedQueries(modules, tuple(log_p), model.fingerprint, factors.fingerprint)


def measured_gradients(
    model: LanguageModel, encoded: list[EncodedQuery], progress: ProgressCallback = silent
) -> tuple[list[float], dict[str, Tensor]]:
    """log p(completion | prompt) of each query, and its gradient [query, out, in] in each tracked weight."""
    log_p: list[float] = []
    gradients: dict[str, list[Tensor]] = {name: [] for name in model.tracked}
    with capture(model) as opened:
        for done, query in enumerate(encoded):
            progress(Progress("gradients", done, len(encoded)))
            ids, labels, counted = query.tensors(model.device)
            logits = opened.forward(ids)
            log_p.append(float(log_likelihoods(logits, labels, counted)))
            captured = opened.backward(log_likelihood_gradient(logits, labels, counted))
            for name in model.tracked:
                terms = captured.output_gradients[name], captured.activations[name]
                gradients[name].append(sequence_gradients(*terms)[0])
    progress(Progress("gradients", len(encoded), len(encoded)))
    return log_p, {name: torch.stack(parts) for name, parts in gradients.items()}


def _ranked(whole: Tensor, rank: Rank) -> Preconditioned:
    """The preconditioned queries of one module, whole or factored to the rank asked for."""
    if rank is None:
        return Whole(whole)
    if isinstance(rank, RetainedEnergy):
        kept = max(rank_for_energy(matrix, rank.share) for matrix in whole)
    else:
        kept = min(rank, *whole.shape[1:])
    pairs = [factor(matrix, kept) for matrix in whole]
    return Factored(torch.stack([left for left, _ in pairs]), torch.stack([right for _, right in pairs]))
