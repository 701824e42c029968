"""Many queries asked at once: what is sent, what is wrong with it, and how it stands."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.services.shapes.asking import Asked
from app.services.shapes.base import Problem, RunState, Shape
from app.services.shapes.choices import RunChoices

MOST_ROWS = 1_000


class BatchForm(Shape):
    """`POST /api/v1/batches`: a file's text, or rows; each row has the fields of a query, and `title` and `note`."""

    text: str | None = Field(
        default=None,
        examples=["prompt,completion\nThe capital of Rosthaar is,Velm\n"],
        description="a CSV file with a header (comma, semicolon or tab), or JSON lines",
    )
    format: Literal["csv", "jsonl"] | None = Field(default=None, description="of the text; left out it is recognised")
    rows: list[dict[str, Any]] | None = Field(
        default=None, description=f"in place of a text; {MOST_ROWS:,} at most in either"
    )
    defaults: dict[str, Any] = Field(
        default={},
        examples=[{"models": ["small"], "corpus": "demo"}],
        description="fields of a query, for rows that do not give them",
    )
    label: str | None = Field(default=None, max_length=200, description="what the batch is called")
    leave_out: bool = Field(default=False, description="ask the right rows even where others are wrong")


class BatchFault(Problem):
    """Something wrong with a row: its line in the file, and the field."""

    line: int
    field: str


class BatchCheck(Shape):
    """What a form would ask, and every fault of its rows; nothing is stored."""

    rows: int = Field(description="how many rows there are")
    right: int = Field(description="how many of them can be asked")
    queries: int = Field(description="how many different queries those ask")
    runs: int = Field(description="of how many runs, one a query and model")
    models: list[str]
    faults: list[BatchFault]


class BatchSubmitted(Shape):
    """The answer to a batch: its id and page; `existing` counts the queries that were there already."""

    id: str
    url: str
    queries: int
    runs: int
    existing: int
    left_out: int


class BatchTop(Shape):
    """A sequence among the heaviest of a run."""

    rank: int
    sequence_id: int
    document: str
    influence: float
    nats_per_copy: float | None
    text: str = Field(description="its beginning")


class BatchRunView(Shape):
    """One model's run of a batch, with its heaviest positive sequences once it is done."""

    id: str
    model: str
    settings: RunChoices
    state: RunState
    log_p: float | None
    error: Problem | None
    top: list[BatchTop]


class BatchQueryView(Asked):
    """A query of a batch with the runs that the batch asked for."""

    id: str
    position: int
    line: int = Field(description="of the file it was read from")
    title: str | None
    runs: list[BatchRunView]


class BatchSummary(Shape):
    """A batch, and how many of its runs are in each state."""

    id: str
    url: str
    label: str | None
    created_at: datetime
    queries: int
    left_out: int
    runs: int
    states: dict[RunState, int]
    seconds_left: float | None = Field(description="of the runs under way; null while none tells")
    models: list[str]


class BatchView(BatchSummary):
    """`GET /api/v1/batches/{id}`: the batch and a page of its queries, in their order."""

    offset: int
    limit: int
    next: str | None = Field(description="the cursor of the rows that follow; null at the end")
    rows: list[BatchQueryView]


class BatchList(Shape):
    """`GET /api/v1/batches`: a page of the list, the newest first."""

    rows: list[BatchSummary]
    next: str | None = Field(description="the cursor of the rows that follow; null at the end")
