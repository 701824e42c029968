"""The choices that shape a run's numbers. Two runs with the same choices share one scan."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class RunSettings(BaseModel):
    """What the engine is told, beyond model, corpus and query; stored with every run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    track: Literal["mlp"] = "mlp"
    labels: Literal["sampled"] = "sampled"
    seed: int = 0
    relative_damping: float = 0.1

    @property
    def damping(self) -> str:
        """The damping in words, as provenance shows it."""
        return f"{self.relative_damping:g} x the mean corrected eigenvalue of each module"

    @property
    def rank(self) -> str:
        """The rank of the preconditioned query in words."""
        return "full"
