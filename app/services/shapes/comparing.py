"""Several runs side by side."""

from typing import Literal

from pydantic import Field

from app.services.shapes.answers import InfluenceRow
from app.services.shapes.asking import Asked
from app.services.shapes.base import Scope, Shape, Sign, UnitKey


class Agreement(Shape):
    """How far two runs' lists agree: Jaccard overlaps of the first k, Spearman over shared sequences."""

    runs: tuple[str, str]
    jaccard: dict[str, float]
    spearman: float | None
    shared: int


class ComparedSequence(Shape):
    """A sequence in at least one run's list; entries are None where a run's kept list lacks it.

    Joined by document, it may be cut differently under each run; what is told is of the first that has it.
    """

    sequence_id: int
    sequence_ids: list[int | None]
    document: str
    kind: str | None
    text: str
    ranks: list[int | None]
    influences: list[float | None]
    nats_per_copy: list[float | None] = Field(description="null also where a run's N is not known")
    relative: list[float | None] = Field(description="over the size of the heaviest of each run's list")


class ComparedRun(Asked):
    """One column of a comparison."""

    run: str
    query: str
    model: str
    scope: Scope
    log_p: float | None
    log_p_against: float | None = None
    training_sequences: int | None = Field(description="N; null where it is not known")
    unit: UnitKey = Field(description="of the layer profile: raw where N is not known")
    layers: list[str]
    layer_profile: list[float]
    rows: list[InfluenceRow]


class Comparison(Shape):
    """`GET /api/v1/compare?runs=a,b`."""

    sign: Sign
    joined_by: Literal["sequence", "document"] = Field(
        description="sequence: the runs scored the same sequences; document: their tokenizers cut the documents "
        "differently, so sequences are joined whose stretches of a document overlap, and agreements are of documents"
    )
    runs: list[ComparedRun]
    sequences: list[ComparedSequence]
    agreements: list[Agreement]
