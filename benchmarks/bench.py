"""What every group starts from: the subject made, its floor as a side, kronfluence if it is there."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from benchmarks import subject
from benchmarks.floor import floor_pass
from benchmarks.machine import Parts
from benchmarks.subject import Settings
from engine import FactorConfig, Factors, LanguageModel, PreparedQueries, ScoreConfig, Sequence, fit_factors, prepare
from engine.corpus.batches import Batch, batches
from engine.maths.agreement import pearson, spearman
from engine.terms import Precision, Progress

if TYPE_CHECKING:
    from benchmarks.reference import Kronfluence

# Factors that only serve to be scanned with need not be good ones.
FEW = 4


@dataclass(frozen=True, slots=True)
class Bench:
    """A subject ready to be measured."""

    settings: Settings
    model: LanguageModel
    corpus: list[Sequence]
    batches: list[Batch]

    @classmethod
    def of(cls, settings: Settings) -> "Bench":
        """The subject on its device, and its batches."""
        torch.set_num_threads(settings.threads)
        model, corpus = subject.language_model(settings), subject.corpus(settings)
        return cls(settings, model, corpus, list(batches(model, corpus, settings.batch_tokens)))

    def floor(self) -> None:
        """One pass of the floor."""
        floor_pass(self.model, self.batches)

    def factors(self) -> Factors:
        """Factors from a few sequences."""
        return fit_factors(self.model, self.corpus[:FEW], FactorConfig(batch_tokens=self.settings.batch_tokens))

    def prepared(self, factors: Factors, count: int, config: ScoreConfig) -> PreparedQueries:
        """`count` queries prepared as a configuration says."""
        return prepare(self.model, factors, subject.queries(self.settings, count), config)

    def config(
        self,
        rank: int | None = None,
        per_token: bool = False,
        top_k: int | None = None,
        precision: Precision = "float32",
    ) -> ScoreConfig:
        """A scan of the subject."""
        batch_tokens = self.settings.batch_tokens
        return ScoreConfig(rank=rank, per_token=per_token, top_k=top_k, batch_tokens=batch_tokens, precision=precision)


class StageClock:
    """A progress callback that measures how long each stage of a fit takes."""

    def __init__(self) -> None:
        self._begun: list[tuple[str, float]] = []

    def __call__(self, step: Progress) -> None:
        """A stage ends where the next begins."""
        if not self._begun or self._begun[-1][0] != step.stage:
            self._begun.append((step.stage, time.perf_counter()))

    def parts(self) -> Parts:
        """Seconds a stage; the last ends now."""
        ends = [start for _, start in self._begun[1:]] + [time.perf_counter()]
        parts: dict[str, float] = {}
        for (stage, start), end in zip(self._begun, ends, strict=True):
            parts[stage] = parts.get(stage, 0.0) + end - start
        return parts


def kronfluence(settings: Settings) -> "Kronfluence | str":
    """kronfluence on the subject, or why not."""
    if not settings.kronfluence:
        return "kronfluence was left out"
    try:
        from benchmarks.reference import Kronfluence
    except ImportError as error:
        return f"kronfluence is not there: {error}"
    return Kronfluence(settings)


def side(run: Callable[..., object], *arguments: object) -> Callable[[], None]:
    """A side whose result is let go of."""
    bound = partial(run, *arguments)

    def called() -> None:
        bound()

    return called


def agreement(left: torch.Tensor | None, right: torch.Tensor | None) -> str:
    """The least Pearson and Spearman over queries of two [query, sequence] arrays of scores."""
    assert left is not None
    assert right is not None
    pairs = [(a.cpu().float().numpy(), b.cpu().float().numpy()) for a, b in zip(left, right, strict=True)]
    least = min(pearson(*pair) for pair in pairs), min(spearman(*pair) for pair in pairs)
    return f"scores against float32's, least of {len(pairs)} queries: Pearson {least[0]:.6f}, Spearman {least[1]:.5f}"
