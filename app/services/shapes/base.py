"""What all shapes rest on: the words that columns and forms choose from, problems, and the recall of an index."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

RunState = Literal["queued", "running", "done", "failed", "cancelled"]


Stage = Literal[
    "waiting",
    "loading",
    "tokenizing",
    "fitting",
    "indexing",
    "writing",
    "preparing",
    "scanning",
    "rescoring",
    "recording",
    "finished",
]


PreparationState = Literal["waiting", "preparing", "ready", "failed"]


Sign = Literal["positive", "negative"]


UnitKey = Literal["nats_per_copy", "raw"]


AdapterWeights = Literal["merged", "adapter"]


Sequencing = Literal["documents", "packed"]


SourceFormat = Literal["jsonl", "csv", "tsv", "parquet", "text", "dataset", "hub"]


Scope = Literal["everything", "lexical", "indexed", "candidates"]


Format = Literal["text", "chat"]


def _not_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is meant here, not true or false")
    return value


# Numbers of what a person sends: JSON's true would count as 1.
Whole = Annotated[int, BeforeValidator(_not_truth)]
Decimal = Annotated[float, BeforeValidator(_not_truth)]


class Shape(BaseModel):
    """A frozen shape; unknown fields are refused so that a typing slip is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Shape):
    """What went wrong, with the value, and what to do about it."""

    problem: str
    remedy: str


class IndexRecall(Shape):
    """How well an index finds, for one sign: of the exact `k` heaviest, the share in the first `first` it names."""

    queries: int = Field(description="how many queries it was measured on")
    k: int
    first: int
    mean: float
    least: float
