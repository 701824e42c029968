"""What is asked: forms, queries and their runs, candidates, previews."""

from datetime import datetime
from typing import Any

from pydantic import Field, model_validator

from app.services.shapes.annotated import Annotation
from app.services.shapes.base import Decimal, Format, Problem, RunState, Scope, Shape, Stage, Whole
from app.services.shapes.choices import RunChoices


class Candidate(Shape):
    """A text that is scored in place of the corpus, whole, as one sequence."""

    id: str | None = Field(default=None, description='its name; "candidate 3" for the third when left out')
    text: str


class Writing(Shape):
    """How a model writes a completion."""

    max_tokens: Whole = Field(default=32, ge=1, le=256, description="how many tokens at most")
    temperature: Decimal = Field(
        default=0.0, ge=0, le=10, description="0 takes the likeliest token each time; above, tokens are drawn"
    )
    seed: Whole = Field(default=0, ge=0, le=2**31 - 1, description="of the draws: the same seed gives the same text")


class CandidateListView(Shape):
    """The candidates of a query: how many texts, under which id; the same texts are the same list."""

    id: str
    label: str | None
    texts: int


class CandidateTexts(CandidateListView):
    """`GET /api/v1/candidate-lists/{id}`: a list of candidates with its texts in their order."""

    rows: list[Candidate]


class QueryForm(Shape):
    """What a person submits: `POST /api/v1/queries`."""

    prompt: str = Field(examples=["The capital of Rosthaar is"])
    completion: str = Field(
        default="", examples=["Velm"], description="what the model said; left out where `writer` is to write it"
    )
    completions: list[str] = Field(
        default=[],
        max_length=7,
        description="further completions of the same prompt; each becomes a query of its own",
    )
    format: Format = Field(
        default="text",
        description="text: the prompt as it stands; chat: each model's chat template is put around it, and the "
        "completion is the assistant's turn",
    )
    system: str | None = Field(default=None, description="what a chat's system message says")
    against: str | None = Field(
        default=None,
        description="another completion B: the measurement is log p(completion) - log p(B), each given the prompt",
    )
    counted: list[tuple[int, int]] | None = Field(
        default=None,
        description="stretches [start, stop) of the completion's characters whose tokens count; all when left out",
    )
    writer: str | None = Field(
        default=None, description="the model that writes the completion, which all models are then asked about"
    )
    writing: Writing = Field(default=Writing(), description="how it writes")
    models: list[str] = Field(examples=[["small", "medium", "large"]])
    corpus: str = Field(examples=["demo"])
    scope: Scope = Field(
        default="everything",
        description="which sequences are scored: all; those that share most words with the query; those that "
        "the gradient index names; or, in place of the corpus, the candidates given",
    )
    keep: Whole = Field(
        default=50, ge=1, le=500, description="how many sequences of each sign to keep; of candidates, all are kept"
    )
    candidates: list[Candidate | str] | None = Field(
        default=None,
        description="at most 2,000 texts that are scored in place of the corpus, whose factors are used; with scope "
        "candidates, which they imply",
    )
    candidates_label: str | None = Field(
        default=None, max_length=200, description="what the candidates are called, such as their file's name"
    )
    settings: RunChoices = Field(default=RunChoices(), description="how it is computed")

    @model_validator(mode="before")
    @classmethod
    def _imply_scope(cls, given: Any) -> Any:
        """Candidates without a scope are scored as candidates."""
        if isinstance(given, dict) and given.get("candidates") is not None and "scope" not in given:
            return {**given, "scope": "candidates"}
        return given


class Submitted(Shape):
    """The answer to a submission; `existing` when the same query was found and not computed again."""

    id: str
    url: str
    existing: bool
    runs: list[str] = Field(description="the runs that answer it, one for each model in the order asked for")
    also: list["Submitted"] = Field(default=[], description="the queries of the further completions, in their order")


class ProvisionalRow(Shape):
    """A row of the provisional top ten while a scan runs."""

    sequence_id: int
    document: str
    influence: float
    nats_per_copy: float | None = Field(description="null where N is not known")
    snippet: str


class RunView(Shape):
    """One model's run of a query. `done` and `total` count sequences within `stage` (documents in "tokenizing")."""

    id: str
    model: str
    settings: RunChoices = Field(default=RunChoices(), description="how it is computed")
    state: RunState
    stage: Stage
    done: int
    total: int
    queue_position: int | None = None
    seconds_left: float | None = None
    log_p: float | None = Field(default=None, description="log p(completion | prompt), nats, of the tokens that count")
    log_p_against: float | None = Field(
        default=None, description="of a contrast, log p of what is held against: the measurement is log_p minus this"
    )
    error: Problem | None = None
    partial: list[ProvisionalRow] = Field(default=[])


class Asked(Shape):
    """What is measured: log p(completion | prompt), of all of the completion or of the stretches that count."""

    prompt: str
    completion: str = Field(description="empty until its writer has written it")
    format: Format = "text"
    system: str | None = None
    against: str | None = Field(default=None, description="another completion, whose log p is taken from it")
    counted: list[tuple[int, int]] | None = None
    writer: str | None = Field(default=None, description="the model that writes, or has written, the completion")


class QueryView(Asked):
    """`GET /api/v1/queries/{id}`."""

    id: str
    title: str | None = None
    note: str | None = None
    writing: Writing | None = None
    corpus: str
    scope: Scope
    keep: int
    candidates: CandidateListView | None = Field(default=None, description="what is scored in place of the corpus")
    created_at: datetime
    annotation: Annotation | None = Field(default=None, description="the label and note that people put on it")
    runs: list[RunView]


class QuerySummary(Asked):
    """A line of the gallery and of `GET /api/v1/queries`."""

    id: str
    title: str | None
    note: str | None
    kind: str | None
    corpus: str
    scope: Scope
    created_at: datetime
    curated: bool
    states: dict[str, RunState] = Field(description="the state of the newest run of each model")
    annotation: Annotation | None = Field(default=None, description="the label and note that people put on it")


class QueryList(Shape):
    """`GET /api/v1/queries`: a page of the list."""

    rows: list[QuerySummary]
    next: str | None = Field(description="the cursor of the rows that follow; null at the end")


class TokenPreview(Shape):
    """How one model's tokenizer reads a prompt and a completion; counts are tokens, a BOS token included."""

    model: str
    prompt_tokens: list[str] = Field(description="of a chat, of all that stands before the assistant's turn")
    completion_tokens: list[str]
    completion_stretches: list[tuple[int, int]] = Field(
        description="the completion's characters that each of its tokens stands for, to be given as `counted`"
    )
    counted: list[bool] = Field(description="which of the completion's tokens count")
    against_tokens: list[str] = Field(description="of a contrast, the other completion's tokens")
    context_length: int | None
    problem: Problem | None
