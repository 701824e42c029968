"""The shapes that pages, API and command line share: pydantic models, one set for all three.

Units: `influence` is nats per unit of up-weighting epsilon; `nats_per_copy` is that divided by the number N
of training sequences, the change of log p(completion | prompt) that one added copy of the sequence brings.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

RunState = Literal["queued", "running", "done", "failed", "cancelled"]
Stage = Literal[
    "waiting", "loading", "fitting", "indexing", "preparing", "scanning", "rescoring", "recording", "finished"
]
PreparationState = Literal["waiting", "preparing", "ready", "failed"]
Sign = Literal["positive", "negative"]
Scope = Literal["everything", "lexical", "indexed"]


class Shape(BaseModel):
    """A frozen shape; unknown fields are refused so that a typing slip is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Shape):
    """What went wrong, with the value, and what to do about it."""

    problem: str
    remedy: str


class QueryForm(Shape):
    """What a person submits: `POST /api/v1/queries`."""

    prompt: str = Field(examples=["The capital of Rosthaar is"])
    completion: str = Field(examples=["Velm"])
    models: list[str] = Field(examples=[["small", "medium", "large"]])
    corpus: str = Field(examples=["demo"])
    scope: Scope = Field(
        default="everything",
        description="which sequences are scored: all; those that share most words with the query; or those that "
        "the gradient index names",
    )
    keep: int = Field(default=50, ge=1, le=500, description="how many sequences of each sign to keep")


class Submitted(Shape):
    """The answer to a submission; `existing` when the same query was found and not computed again."""

    id: str
    url: str
    existing: bool


class ProvisionalRow(Shape):
    """A row of the provisional top ten while a scan runs."""

    sequence_id: int
    document: str
    nats_per_copy: float
    snippet: str


class RunView(Shape):
    """One model's run of a query. `done` and `total` count sequences within `stage`."""

    id: str
    model: str
    state: RunState
    stage: Stage
    done: int
    total: int
    queue_position: int | None = None
    seconds_left: float | None = None
    log_p: float | None = Field(default=None, description="log p(completion | prompt), nats")
    error: Problem | None = None
    partial: list[ProvisionalRow] = []


class QueryView(Shape):
    """`GET /api/v1/queries/{id}`."""

    id: str
    title: str | None = None
    note: str | None = None
    prompt: str
    completion: str
    corpus: str
    scope: Scope
    keep: int
    created_at: datetime
    runs: list[RunView]


class QuerySummary(Shape):
    """A line of the gallery and of `GET /api/v1/queries`."""

    id: str
    title: str | None
    note: str | None
    kind: str | None
    prompt: str
    completion: str
    corpus: str
    scope: Scope
    created_at: datetime
    curated: bool
    states: dict[str, RunState] = Field(description="the state of the newest run of each model")


class InfluenceRow(Shape):
    """A ranked sequence of a run. The highlighted token is the input position; it helped predict the next."""

    rank: int
    sequence_id: int
    document: str
    kind: str | None
    influence: float
    nats_per_copy: float
    token_influences: list[float]
    layer_influences: list[float]
    text: str
    tokens: list[str]
    flags: list[str] = Field(description="of: spurious, duplicate, lexical overlap")
    duplicate_of: int | None = Field(description="the rank in this list of the sequence that it repeats")
    overlap: float | None = Field(
        description="the share of the query's words, weighted by rarity, that the sequence holds; 0 to 1"
    )


class InfluencePage(Shape):
    """`GET /api/v1/runs/{id}/influences?sign=&offset=&limit=`."""

    run: str
    scope: Scope
    sign: Sign
    offset: int
    limit: int
    total: int
    training_sequences: int
    sequences_scanned: int
    layers: list[str]
    rows: list[InfluenceRow]


class InfluenceDetail(InfluenceRow):
    """`GET /api/v1/runs/{id}/influences/{sequence_id}`; `matrix[layer][token]` sums to both marginals."""

    run: str
    sign: Sign
    source: str
    token_ids: list[int]
    layers: list[str]
    matrix: list[list[float]]
    previous_sequence_id: int | None
    next_sequence_id: int | None
    duplicate_sequence_id: int | None = Field(description="the sequence that it repeats")


class Histogram(Shape):
    """All scores of a run, signed, in nats per added copy; `edges` has one entry more than `counts`."""

    edges: list[float]
    counts: list[int]


class Distribution(Shape):
    """A summary of the scores of every sequence scanned, in nats per added copy."""

    sequences: int
    mean: float
    standard_deviation: float
    quantiles: dict[str, float]
    top_percent_share_positive: float | None
    top_percent_share_negative: float | None
    histogram: Histogram


class LayerProfile(Shape):
    """The query's influence by layer, summed over the kept sequences of one sign, in nats per added copy."""

    layers: list[str]
    positive: list[float]
    negative: list[float]


class IndexRecall(Shape):
    """How well an index finds, for one sign: of the exact `k` heaviest, the share in the first `first` it names."""

    queries: int = Field(description="how many queries it was measured on")
    k: int
    first: int
    mean: float
    least: float


class Selection(Shape):
    """How the sequences were chosen that a run scored, where it did not score everything."""

    candidates: int = Field(description="how many sequences were scored")
    limit: int = Field(description="how many may be chosen for a query: in all (lexical), of each sign (indexed)")
    index_fingerprint: str | None = None
    recall: IndexRecall | None = Field(default=None, description="of the index; null when it was not measured")
    negative_recall: IndexRecall | None = Field(default=None, description="the same for negative influence")


class Covered(Shape):
    """Of the first `first` sequences of one sign when everything is scored, how many the scope let through."""

    sign: Sign
    first: int
    kept: int
    share: float


class Coverage(Shape):
    """A scope's measured loss: the run that scored everything for the same question, and what of it is covered."""

    query: str
    run: str
    state: RunState
    covered: list[Covered] = Field(description="empty until that run is done")


class Provenance(Shape):
    """Everything that made a run: each number traces to its model, corpus, factors and settings."""

    run: str
    query: str
    model: str
    model_fingerprint: str
    tokenizer_fingerprint: str
    corpus: str
    corpus_fingerprint: str
    factors_fingerprint: str | None
    factors_config: dict[str, object]
    damping: str
    rank: str
    labels: str
    training_sequences: int
    scope: Scope
    sequences_scanned: int
    selection: Selection | None
    beginning_of_sequence: bool
    versions: dict[str, str]
    device: str | None
    worker: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: dict[str, float]
    command: str = Field(description="a command that computes the same numbers again")


class RunDetail(RunView):
    """`GET /api/v1/runs/{id}`: a run with its distribution, layer profile and provenance."""

    query: str
    distribution: Distribution | None = Field(description="null for scope indexed: its candidates are no sample")
    layer_profile: LayerProfile | None
    coverage: Coverage | None = Field(
        description="null for scope everything, and where no run that scored everything was asked for"
    )
    provenance: Provenance


class IndexView(Shape):
    """A gradient index of a model over a corpus: how it stands, and what was measured on it."""

    corpus: str
    state: PreparationState
    stage: str
    done: int
    total: int
    error: Problem | None
    sequences: int | None
    bytes: int | None
    recall: IndexRecall | None
    negative_recall: IndexRecall | None
    fingerprint: str | None


class ModelView(Shape):
    """`GET /api/v1/models`."""

    name: str
    source: str
    state: PreparationState
    stage: str
    done: int
    total: int
    error: Problem | None
    parameters: int | None = Field(description="all parameters; tied ones counted once")
    non_embedding_parameters: int | None
    layers: list[str]
    tracked: list[str]
    untracked: list[str]
    context_length: int | None
    fact_recall: float | None
    fingerprint: str | None
    indexes: list[IndexView] = Field(description="what makes scope indexed quick, by corpus")


class CorpusView(Shape):
    """`GET /api/v1/corpora`."""

    name: str
    source: str
    state: PreparationState
    error: Problem | None
    documents: int
    sequences: int
    tokens: int
    duplicates: int | None = Field(description="sequences that repeat an earlier one; null until they are looked for")
    kinds: dict[str, int]
    fingerprint: str | None


class WorkerView(Shape):
    """One worker process as its heartbeat tells."""

    name: str
    device: str
    alive: bool
    busy: bool
    seen_at: datetime


class Status(Shape):
    """Models, corpora and workers at a glance, for the header and the gallery."""

    workers: list[WorkerView]
    models: list[ModelView]
    corpora: list[CorpusView]
    queued: int
    running: int


class TokenPreview(Shape):
    """How one model's tokenizer reads a prompt and a completion; counts are tokens, a BOS token included."""

    model: str
    prompt_tokens: list[str]
    completion_tokens: list[str]
    context_length: int | None
    problem: Problem | None


class Agreement(Shape):
    """How far two runs' lists agree: Jaccard overlaps of the first k, Spearman over shared sequences."""

    runs: tuple[str, str]
    jaccard: dict[str, float]
    spearman: float | None
    shared: int


class ComparedSequence(Shape):
    """A sequence in at least one run's list; entries are None where a run's kept list lacks it."""

    sequence_id: int
    document: str
    kind: str | None
    text: str
    ranks: list[int | None]
    nats_per_copy: list[float | None]


class ComparedRun(Shape):
    """One column of a comparison."""

    run: str
    query: str
    model: str
    scope: Scope
    prompt: str
    completion: str
    log_p: float | None
    layers: list[str]
    layer_profile: list[float]
    rows: list[InfluenceRow]


class Comparison(Shape):
    """`GET /api/v1/compare?runs=a,b`."""

    sign: Sign
    runs: list[ComparedRun]
    sequences: list[ComparedSequence]
    agreements: list[Agreement]
