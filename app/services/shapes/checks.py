"""Checks of a kept sequence: is its influence real, and which of its tokens carry it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from app.services.shapes.base import Problem, RunState, Shape

CheckKind = Literal["erasure", "counterfactual", "one_step"]
Verdict = Literal["holds", "size differs", "sign differs", "too small", "not converged"]


class CheckForm(Shape):
    """`POST /api/v1/runs/{id}/influences/{sequence_id}/checks`."""

    kind: CheckKind = Field(
        default="counterfactual",
        description="counterfactual: add a copy of the sequence, take one away, re-optimise close to the present "
        "weights, and measure log p again; one_step: after one gradient step on it; erasure: the score by erased token",
        examples=["counterfactual"],
    )


class Moved(Shape):
    """A change of log p that influence predicted, beside the one that was measured; both in nats."""

    predicted: float
    measured: float
    iterations: int = Field(description="of conjugate gradients that the solve took")
    residual: float = Field(description="what is left of the preconditioned gradient, as a share of its start")
    verdict: Verdict = Field(
        description="holds: within a factor of two; size differs: the sign is right; too small: below what single "
        "precision measures; not converged: the residual stayed too high"
    )


class CounterfactualResult(Shape):
    """What happens to log p as a copy of the sequence is added or taken away, at the proximal Bregman optimum."""

    added: Moved
    removed: Moved | None = Field(description="null for a text that is not in the corpus: there is none to take away")
    weight: float = Field(description="what the sequence's loss is weighed with: 1/N, or where N is unknown 1/n")
    training_sequences: int | None = Field(description="N; null where nobody knows it")
    corpus_sequences: int = Field(description="n, the sequences of the corpus")
    averaged_over: int = Field(description="sequences that the divergence was averaged over")
    certain: int = Field(description="of these with their own weight 1/n; the others, drawn, share the rest")
    settled: float = Field(description="the residual above which a solve counts as not converged")
    iterations: int = Field(description="at most, of each solve")
    damping: str


class OneStepResult(Shape):
    """The change of log p after one plain gradient step on the sequence: no curvature, no re-optimising."""

    measured: float = Field(description="nats")
    influence: float = Field(description="raw, of the run; only its sign can be held against the step")
    relative_step: float = Field(description="the step's norm over the norm of the tracked weights")
    verdict: Verdict


class ErasureResult(Shape):
    """The sequence's score by token, erased in three ways; raw. Entry t belongs to token t."""

    output: list[float] = Field(description="influence through the loss of predicting the token; sums to the score")
    input: list[float] = Field(description="derivative of the score as the token's embedding is scaled")
    zeroed: list[float] = Field(description="what the score loses when the token's embedding is set to zero")


class CheckView(Shape):
    """`GET /api/v1/checks/{id}`: one check, how it stands, and its result once it is done."""

    id: str
    run: str
    query: str
    model: str
    sequence_id: int
    kind: CheckKind
    state: RunState
    stage: str
    done: int
    total: int
    error: Problem | None
    counterfactual: CounterfactualResult | None
    one_step: OneStepResult | None
    erasure: ErasureResult | None
    worker: str | None
    device: str | None
    seconds: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
