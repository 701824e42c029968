"""Whether factors were fitted on enough sequences: how the ranking moves between half and all of them.

The query is preconditioned with factors of a random half and with those of all, and both are scored in one pass.
Each fitting sequence keeps its sampled labels, so the half is truly a part of the whole.
"""

from collections.abc import Iterable
from collections.abc import Sequence as Series
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.corpus.batches import Batch, Sequences, checked
from engine.corpus.fingerprint import sequences_fingerprint
from engine.corpus.subset import Subset, random_half
from engine.errors import CorpusError, FactorsError, QueryError
from engine.maths.agreement import jaccard, pearson, shared_share, spearman
from engine.model.language_model import LanguageModel
from engine.pipeline.fit import fit_with_labels
from engine.pipeline.passes import labels_for_fitting
from engine.pipeline.query import prepare
from engine.pipeline.scan import score
from engine.storage.factors import Factors
from engine.storage.prepared import PreparedQueries, Whole
from engine.terms import PAPER_DAMPING, Damping, Measurement, ProgressCallback, ScoreConfig, Sequence, silent


@dataclass(frozen=True, slots=True)
class ConvergenceConfig:
    """How the two rankings are compared.

    top: how many of the heaviest positive sequences are compared. seed: of the draw of the half.
    """

    top: int = 50
    seed: int = 0
    damping: Damping = PAPER_DAMPING
    batch_tokens: int = 8192

    def __post_init__(self) -> None:
        if self.top < 1:
            raise QueryError(f"top={self.top} compares nothing.", "Give 1 or more.")


@dataclass(frozen=True, slots=True)
class QueryConvergence:
    """How far one query's scores agree between the two sets of factors; 1 means that nothing moves.

    share: of the top with all of the data, what the top with half of it holds too. jaccard: the same as
    intersection over union. spearman, pearson: over all scored sequences.
    """

    share: float
    jaccard: float
    spearman: float
    pearson: float


@dataclass(frozen=True, slots=True)
class Convergence:
    """The comparison of a fit on `half` with one on `whole` sequences, over `scored` sequences, query by query."""

    half: int
    whole: int
    scored: int
    top: int
    queries: tuple[QueryConvergence, ...]


def convergence(
    model: LanguageModel,
    factors: Factors,
    queries: Series[Measurement],
    sequences: Iterable[Sequence],
    fitting_sequences: Iterable[Sequence],
    config: ConvergenceConfig = ConvergenceConfig(),
    progress: ProgressCallback | None = None,
) -> Convergence:
    """Fit on a random half of the fitting sequences, and compare the scores with those that `factors` give.

    factors: of all `fitting_sequences`. sequences: those to score; all their scores are kept in memory. The cost
    is half a fit and one pass of the scored sequences, whatever the number of queries.

    Raises: CorpusError, QueryError, FactorsError (factors of another model or corpus), NumericalError.
    """
    scored, fitted_on = checked(sequences), checked(fitting_sequences)
    _check(factors, fitted_on, len(scored))
    report = progress or silent
    half = random_half(fitted_on, config.seed)
    score_config = ScoreConfig(damping=config.damping, rank=None, per_token=False, batch_tokens=config.batch_tokens)
    # Before the fit, so that a query that cannot be used fails at once.
    with_all = prepare(model, factors, queries, score_config, report)
    with_half = prepare(model, fit_half(model, half, factors, report), queries, score_config, report)
    both = _joined([with_half, with_all])
    scores = score(model, factors, both, scored, score_config, report).sequence
    assert scores is not None
    pairs = zip(scores[: len(queries)], scores[len(queries) :], strict=True)
    compared = tuple(_compared(before, after, config.top) for before, after in pairs)
    return Convergence(len(half), len(fitted_on), len(scored), min(config.top, len(scored)), compared)


def fit_half(model: LanguageModel, half: Subset, factors: Factors, progress: ProgressCallback = silent) -> Factors:
    """Fit on a part of the sequences that `factors` were fitted on, as they were, with the labels drawn then."""
    labels, places = labels_for_fitting(factors.config), torch.from_numpy(half.places)

    def placed(batch: Batch, logits: Tensor) -> Tensor:
        return labels(replace(batch, index=places[batch.index]), logits)

    return fit_with_labels(model, half, factors.config, placed, progress)


def _check(factors: Factors, fitted_on: Sequences, scored: int) -> None:
    if factors.sequences_fingerprint != sequences_fingerprint(fitted_on):
        raise FactorsError(
            f"The factors were not fitted on these {len(fitted_on)} sequences.",
            "Give the sequences that they were fitted on, in the same order.",
        )
    if scored < 2:
        raise CorpusError("One scored sequence has no ranking.", "Give two sequences or more to score.")


def _joined(parts: Series[PreparedQueries]) -> PreparedQueries:
    """Queries prepared with different factors, one after another, to be scored in one pass."""
    matrices: dict[str, Tensor] = {}
    for name in parts[0].modules:
        modules = [part.modules[name] for part in parts]
        matrices[name] = torch.cat([module.matrix for module in modules if isinstance(module, Whole)])
    return PreparedQueries(
        {name: Whole(matrix) for name, matrix in matrices.items()},
        tuple(value for part in parts for value in part.log_p),
        tuple(value for part in parts for value in part.log_p_against),
        parts[0].model_fingerprint,
        "+".join(part.factors_fingerprint for part in parts),
    )


def _compared(half: Tensor, whole: Tensor, top: int) -> QueryConvergence:
    left, right = half.numpy(), whole.numpy()
    return QueryConvergence(
        share=shared_share(left, right, top),
        jaccard=jaccard(left, right, top),
        spearman=spearman(left, right),
        pearson=pearson(left, right),
    )
