"""The choices that shape a run's numbers. Two runs with the same choices share one scan."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.services.shapes import RunChoices


class RunSettings(BaseModel):
    """What the engine is told, beyond model, corpus and query; stored with every run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    track: Literal["mlp"] = "mlp"
    labels: Literal["sampled"] = "sampled"
    seed: int = 0
    relative_damping: float = 0.1
    query_rank: int | None = None
    precision: Literal["float32", "bfloat16"] = "float32"

    @classmethod
    def of(cls, choices: RunChoices) -> "RunSettings":
        """The settings that a person's choices mean."""
        return cls(relative_damping=choices.damping, query_rank=choices.rank, precision=choices.precision)

    @property
    def choices(self) -> RunChoices:
        """What a person may choose of them."""
        return RunChoices(damping=self.relative_damping, rank=self.query_rank, precision=self.precision)

    @property
    def stored(self) -> dict[str, Any]:
        """As rows hold them and as ids are made of them.

        Rank and precision stand there only where they are chosen, so that runs older than these choices are found.
        """
        usual = [("query_rank", None), ("precision", "float32")]
        return dict(item for item in self.model_dump().items() if item not in usual)

    @property
    def damping(self) -> str:
        """The damping in words, as provenance shows it."""
        return f"{self.relative_damping:g} x the mean corrected eigenvalue of each module"

    @property
    def rank(self) -> str:
        """The rank of the preconditioned query in words."""
        return "full" if self.query_rank is None else f"at most {self.query_rank} in each module"
