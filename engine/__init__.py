"""Influence functions for causal language models: EK-FAC after Grosse et al. 2023 (arXiv 2308.03296).

    model = LanguageModel.from_pretrained("path-or-hub-id")
    factors = fit_factors(model, sequences)
    influences = score(model, factors, [Query(prompt="...", completion="...")], sequences)

Positive influence: training on the sequence raises log p(completion | prompt).
"""

from engine.corpus.duplicates import duplicate_groups
from engine.corpus.lexical import LexicalIndex, coverage
from engine.corpus.shared_run import longest_shared_run
from engine.errors import CorpusError, DeviceError, EngineError, FactorsError, ModelError, NumericalError, QueryError
from engine.maths.summary import Summary
from engine.model.generate import Written, write_completion
from engine.model.language_model import LanguageModel
from engine.pipeline.convergence import Convergence, ConvergenceConfig, convergence
from engine.pipeline.fit import fit_factors
from engine.pipeline.indexed import build_index, search
from engine.pipeline.influences import Hit, Influences
from engine.pipeline.query import prepare
from engine.pipeline.scan import rescore, score
from engine.storage.factors import Factors
from engine.storage.gradient_index import GradientIndex
from engine.storage.prepared import PreparedQueries
from engine.terms import (
    AbsoluteDamping,
    ByteBudget,
    Contrast,
    FactorConfig,
    FixedRank,
    IndexConfig,
    Measurement,
    Progress,
    Query,
    RelativeDamping,
    RetainedEnergy,
    ScoreConfig,
    Sequence,
    Writing,
)

__all__ = [
    "AbsoluteDamping",
    "ByteBudget",
    "Contrast",
    "Convergence",
    "ConvergenceConfig",
    "CorpusError",
    "DeviceError",
    "EngineError",
    "FactorConfig",
    "Factors",
    "FactorsError",
    "FixedRank",
    "GradientIndex",
    "Hit",
    "IndexConfig",
    "Influences",
    "LanguageModel",
    "LexicalIndex",
    "Measurement",
    "ModelError",
    "NumericalError",
    "PreparedQueries",
    "Progress",
    "Query",
    "QueryError",
    "RelativeDamping",
    "RetainedEnergy",
    "ScoreConfig",
    "Sequence",
    "Summary",
    "Writing",
    "Written",
    "build_index",
    "convergence",
    "coverage",
    "duplicate_groups",
    "fit_factors",
    "longest_shared_run",
    "prepare",
    "rescore",
    "score",
    "search",
    "write_completion",
]
