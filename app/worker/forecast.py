"""What fitting a model and scanning a corpus with it will take in memory and time, before either begins."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from app.services import registry
from app.services.run_settings import RunSettings
from app.settings import Settings
from app.worker import translate
from app.worker.loaded import Loaded
from app.worker.preparing import Groundwork, Preparation
from app.worker.sample import fitting_sample
from app.worker.tokens import TokenSequences
from engine import FactorConfig, IndexConfig, Progress, ScoreConfig
from engine.model.memory import resident_memory
from engine.pipeline.plan import Plan, Stage, make_plan
from engine.pipeline.timing import Timing, expected_times

KEEP = 50


def forecast(
    settings: Settings, sessions: sessionmaker[Session], name: str, corpus: str | None, queries: int
) -> dict[str, Any]:
    """The plan as plain data; sizes in bytes, times in seconds. The model is loaded and run on a few sequences.

    corpus: what the model was trained on when None.

    Raises: NotFound for a model or corpus that is not on the list; InvalidInput without a corpus to plan for.
    """
    chosen = RunSettings()
    with sessions() as session:
        over = registry.corpus_for(session, name, corpus)
    ground = Preparation(settings, sessions, Loaded(settings), "plan").groundwork(name, over, chosen, _silent)
    # Read before the model is run: the allocator keeps what running it leaves.
    held = resident_memory()
    fit = translate.factor_config(chosen, settings)
    score = translate.score_config(chosen, settings, KEEP)
    index = translate.index_config(chosen, settings)
    sample = fitting_sample(ground.sequences, settings.fit_sequences)
    planned, times = _planned(ground, ground.sequences, queries, fit, score, index)
    fitting, fitting_times = (
        (planned, times)
        if len(sample) == len(ground.sequences)
        else _planned(ground, sample, queries, fit, score, index)
    )
    return {
        "model": name,
        "corpus": over,
        **_subject(planned),
        "process_bytes": held,
        "rank": chosen.rank,
        "fit_sequences": len(sample),
        "fit": _work(fitting.fit, fitting.fit_peak, fitting_times.fit, fitting.free),
        "scan": _work(planned.scan, planned.scan_peak, times.scan, planned.free),
    }


def _planned(
    ground: Groundwork,
    sequences: TokenSequences,
    queries: int,
    fit: FactorConfig,
    score: ScoreConfig,
    index: IndexConfig,
) -> tuple[Plan, Timing]:
    planned = make_plan(ground.model, sequences, queries, fit, score, index)
    return planned, expected_times(ground.model, sequences, planned, fit, score)


def _subject(planned: Plan) -> dict[str, Any]:
    """What the run works on."""
    work = planned.work
    return {
        "device": planned.device,
        "dtype": planned.dtype,
        "parameters": planned.parameters,
        "layers": list(planned.layers),
        "tracked": list(planned.tracked),
        "untracked": list(planned.untracked),
        "sequences": work.sequences,
        "tokens": work.tokens,
        "longest": work.longest,
        "batch_tokens": planned.batch_tokens,
        "batches": work.batches,
        "largest_batch_tokens": work.largest.tokens,
        "queries": planned.queries,
        "weights_bytes": planned.weights,
        "index_bytes": planned.index,
        "free_bytes": planned.free,
    }


def _work(stages: Iterable[Stage], peak: int, seconds: Mapping[str, float], free: int | None) -> dict[str, Any]:
    return {
        "peak_bytes": peak,
        "fits": free is None or peak <= free,
        "seconds": round(sum(seconds.values()), 2),
        "stages": [_stage(stage, seconds[stage.name]) for stage in stages],
    }


def _stage(stage: Stage, seconds: float) -> dict[str, Any]:
    return {
        "name": stage.name,
        "held_bytes": dict(stage.held),
        "batch_bytes": dict(stage.batch),
        "beside_bytes": stage.beside,
        "peak_bytes": stage.peak,
        "seconds": round(seconds, 2),
    }


def _silent(_: Progress) -> None:
    """Loading is not reported: the command says what it does."""
