"""The memory plan of a fit, told in the worker's log before the fit begins."""

import structlog

from engine import FactorConfig, LanguageModel
from engine.corpus.batches import Sequences
from engine.pipeline.plan import make_plan

log = structlog.get_logger("influence.worker")
GIGABYTE = 1e9


def announce_fit(name: str, model: LanguageModel, sequences: Sequences, config: FactorConfig) -> None:
    """Say what fitting will hold at the most, and warn when that is more than is free."""
    planned = make_plan(model, sequences, 1, config)
    told = {
        "model": name,
        "sequences": planned.work.sequences,
        "tokens": planned.work.tokens,
        "batch_tokens": planned.batch_tokens,
        "gigabytes": round(planned.fit_peak / GIGABYTE, 2),
        "free_gigabytes": None if planned.free is None else round(planned.free / GIGABYTE, 2),
    }
    if planned.free is not None and planned.fit_peak > planned.free:
        log.warning("the fit may not fit in memory: lower INFLUENCE_BATCH_TOKENS", **told)
    else:
        log.info("memory plan of the fit", **told)
