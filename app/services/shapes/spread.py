"""How influence is spread: over the scores of all sequences (its tail), and over the layers of the network."""

from typing import Literal

from pydantic import Field

from app.services.shapes.base import Shape, Sign, UnitKey

TailVerdict = Literal["rejected", "possible", "too few"]
TailLaw = Literal["lognormal", "exponential", "stretched exponential", "power law with cut-off"]
AlternativeVerdict = Literal["better", "worse", "not told apart"]


class TailAlternative(Shape):
    """Another law held against the power law of a tail, over the same scores (`services.tail_laws`)."""

    law: TailLaw
    parameters: dict[str, float] = Field(
        description="of its fit, lengths in the run's unit; empty where its nearest is the power law itself"
    )
    ratio: float = Field(description="log-likelihood of the power law less this law's; below 0 this law is nearer")
    normalised: float | None = Field(
        description="the ratio over its standard error; null for the cut-off, a nested law"
    )
    p: float = Field(description="how often chance makes a ratio so far from 0 where both are equally near; 0 to 1")
    verdict: AlternativeVerdict = Field(description="not told apart where p >= 0.1, else by the sign of the ratio")


class TailFit(Shape):
    """The power law p(x) ~ x^-alpha for x >= xmin that lies nearest to the scores of one sign (`services.tail`)."""

    alpha: float
    error: float = Field(description="one standard error of alpha at this xmin")
    xmin: float = Field(description="where the tail begins, a size in the run's unit")
    tail: int = Field(description="how many scores lie in the tail")
    scores: int = Field(description="how many scores have this sign")
    distance: float = Field(description="Kolmogorov-Smirnov's, between the tail and the law")
    p: float = Field(description="share of samples drawn from the law that lie as far from it; 0 to 1")
    samples: int = Field(description="how many were drawn")
    verdict: TailVerdict = Field(description="rejected where p < 0.1; too few with fewer than 50 scores in the tail")
    alternatives: list[TailAlternative] = Field(description="other laws above the same xmin, against the power law")


class Third(Shape):
    """A stretch of a model's layers, and what of the influence of some sequences lies there."""

    name: Literal["early", "middle", "late"]
    layers: list[str]
    share: float = Field(description="of the absolute influence of all sequences and layers; 0 to 1")
    influence: float = Field(description="the signed sum, in the run's unit")


class SequenceLayers(Shape):
    """A kept sequence with its influence by layer, in the run's unit."""

    rank: int
    sequence_id: int
    document: str
    text: str = Field(description="its beginning")
    influence: float
    layers: list[float]


class SignLayers(Shape):
    """The heaviest sequences of one sign by layer; `thirds` is empty for models of fewer than three layers."""

    sign: Sign
    sequences: int
    layers: list[float] = Field(description="the sum over the sequences, in the run's unit")
    shares: list[float] = Field(description="of the absolute influence of all sequences and layers")
    thirds: list[Third]
    rows: list[SequenceLayers]


class LayersView(Shape):
    """`GET /api/v1/runs/{id}/layers?first=`: where in the network the heaviest sequences act, for both signs."""

    run: str
    first: int | None = Field(description="how many of each sign; null for all kept")
    unit: UnitKey
    layers: list[str]
    positive: SignLayers
    negative: SignLayers
