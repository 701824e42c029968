"""Influence functions for causal language models: EK-FAC after Grosse et al. 2023 (arXiv 2308.03296).

    model = LanguageModel.from_pretrained("path-or-hub-id")
    factors = fit_factors(model, sequences)
    influences = score(model, factors, [Query(prompt="...", completion="...")], sequences)

Positive influence: training on the sequence raises log p(completion | prompt).
"""

from engine.errors import CorpusError, EngineError, FactorsError, ModelError, NumericalError, QueryError
from engine.maths.summary import Summary
from engine.model.language_model import LanguageModel
from engine.pipeline.fit import fit_factors
from engine.pipeline.influences import Hit, Influences
from engine.pipeline.query import prepare
from engine.pipeline.scan import rescore, score
from engine.storage.factors import Factors
from engine.storage.prepared import PreparedQueries
from engine.terms import (
    AbsoluteDamping,
    FactorConfig,
    Progress,
    Query,
    RelativeDamping,
    RetainedEnergy,
    ScoreConfig,
    Sequence,
)

__all__ = [
    "AbsoluteDamping",
    "CorpusError",
    "EngineError",
    "FactorConfig",
    "Factors",
    "FactorsError",
    "Hit",
    "Influences",
    "LanguageModel",
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
    "fit_factors",
    "prepare",
    "rescore",
    "score",
]
