"""Several runs side by side."""

from typing import Literal

from pydantic import Field

from app.services.shapes.answers import InfluenceRow
from app.services.shapes.asking import Asked
from app.services.shapes.base import Scope, Shape, Sign, UnitKey
from app.services.shapes.choices import RunChoices
from app.services.shapes.spread import Third


class Overlap(Shape):
    """What the first k of two lists share. `low` and `high` bound the middle 95 % of resamples of the corpus."""

    first: int = Field(description="k")
    shared: int = Field(description="how many are in both")
    jaccard: float = Field(description="those in both, over those in either")
    low: float
    high: float
    chance: float | None = Field(
        description="to expect of two random lists of this length from as many scored sequences; null where not known"
    )


class Correlation(Shape):
    """A correlation of ranks over the sequences that both lists keep, with the middle 95 % of its resamples."""

    value: float
    low: float | None = Field(description="null below eight shared sequences")
    high: float | None


class Agreement(Shape):
    """How far two runs' lists agree (`services.agreement`); of documents where the comparison joins by them."""

    runs: tuple[str, str]
    overlaps: list[Overlap] = Field(description="at 10, 50 and 500, as deep as both lists reach")
    spearman: Correlation | None = Field(description="null below three shared sequences")
    kendall: Correlation | None = Field(description="tau-b")
    shared: int = Field(description="how many both keep: what the correlations are over")
    only: tuple[int, int] = Field(description="how many only the first keeps, and only the second")
    scored: int | None = Field(description="how many both were chosen from; null where they differ")
    resamples: int


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
    settings: RunChoices
    training_sequences: int | None = Field(description="N; null where it is not known")
    unit: UnitKey = Field(description="of the layer profile: raw where N is not known")
    layers: list[str]
    layer_profile: list[float]
    thirds: list[Third] = Field(description="of all kept sequences of the sign; empty below three layers")
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
