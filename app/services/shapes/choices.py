"""How a run is computed, beyond what is asked."""

from typing import Literal

from pydantic import Field

from app.services.shapes.base import Decimal, Shape, Whole


class RunChoices(Shape):
    """The settings that a person may change; left out they are the paper's damping, full rank and float32."""

    damping: Decimal = Field(
        default=0.1,
        ge=1e-8,
        le=1000,
        allow_inf_nan=False,
        description="added to the corrected eigenvalues of each module, in units of their mean",
    )
    rank: Whole | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="rank to which the preconditioned query is cut in each module; null keeps it whole",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of the pass over the corpus; the kept sequences are always scored in float32"
    )

    @property
    def label(self) -> str:
        """What is not as usual, in a few words; empty where everything is."""
        told = [f"damping {self.damping:g}"] if self.damping != RunChoices().damping else []
        told += [] if self.rank is None else [f"rank {self.rank}"]
        return " · ".join([*told, *([] if self.precision == "float32" else [self.precision])])
