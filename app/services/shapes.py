"""The shapes that pages, API and command line share: pydantic models, one set for all three.

Units: `influence` is raw, nats per unit of up-weighting epsilon; `nats_per_copy` is that divided by the number N
of training sequences, the change of log p(completion | prompt) that one added copy of the sequence brings. Where N
is not known `nats_per_copy` is null, and `relative` tells how a value compares with the heaviest of its list.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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


class Shape(BaseModel):
    """A frozen shape; unknown fields are refused so that a typing slip is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Shape):
    """What went wrong, with the value, and what to do about it."""

    problem: str
    remedy: str


class Candidate(Shape):
    """A text that is scored in place of the corpus, whole, as one sequence."""

    id: str | None = Field(default=None, description='its name; "candidate 3" for the third when left out')
    text: str


class Writing(Shape):
    """How a model writes a completion."""

    max_tokens: int = Field(default=32, ge=1, le=256, description="how many tokens at most")
    temperature: float = Field(
        default=0.0, ge=0, le=10, description="0 takes the likeliest token each time; above, tokens are drawn"
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="of the draws: the same seed gives the same text")


class CandidateListView(Shape):
    """The candidates of a query: how many texts, under which id; the same texts are the same list."""

    id: str
    label: str | None
    texts: int


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
    keep: int = Field(
        default=50, ge=1, le=500, description="how many sequences of each sign to keep; of candidates, all are kept"
    )
    candidates: list[Candidate | str] | None = Field(
        default=None,
        description="at most 2,000 texts that are scored in place of the corpus, whose factors are used; with scope "
        "candidates, which they imply",
    )

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
    partial: list[ProvisionalRow] = []


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


class InfluenceRow(Shape):
    """A ranked sequence of a run. The highlighted token is the input position; it helped predict the next."""

    rank: int
    sequence_id: int
    document: str
    others: int = Field(default=0, description="how many other documents the sequence holds parts of")
    kind: str | None
    influence: float
    nats_per_copy: float | None = Field(description="influence / N; null where N is not known")
    relative: float = Field(description="influence over the size of the heaviest of its run and sign; -1 to 1")
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
    training_sequences: int | None = Field(description="N; null where it is not known")
    unit: UnitKey = Field(description="what pages show: nats_per_copy where N is known, else raw")
    sequences_scanned: int
    corpus_sequences: int | None = Field(description="how many the corpus had; null for runs that do not tell")
    layers: list[str]
    rows: list[InfluenceRow]


class HeldDocument(Shape):
    """A document that a sequence was cut from: its stretch [start, stop) of the text shown, and what is known of it."""

    document: str
    kind: str | None
    source: str
    start: int
    stop: int
    begins: int = Field(description="which of the document's characters the stretch begins with")
    metadata: dict[str, object] | None = Field(description="the other fields of its row")


class InfluenceDetail(InfluenceRow):
    """`GET /api/v1/runs/{id}/influences/{sequence_id}`; `matrix[layer][token]` sums to both marginals."""

    run: str
    sign: Sign
    source: str
    documents: list[HeldDocument] = Field(description="what it was cut from, in order; empty for answers of old")
    training_sequences: int | None = Field(description="N; null where it is not known")
    unit: UnitKey
    token_ids: list[int]
    layers: list[str]
    matrix: list[list[float]]
    previous_sequence_id: int | None
    next_sequence_id: int | None
    duplicate_sequence_id: int | None = Field(description="the sequence that it repeats")


class Histogram(Shape):
    """All scores of a run, signed, in the run's unit; `edges` has one entry more than `counts`."""

    edges: list[float]
    counts: list[int]


class Distribution(Shape):
    """A summary of the scores of every sequence scanned, in the run's unit."""

    sequences: int
    mean: float
    standard_deviation: float
    quantiles: dict[str, float]
    top_percent_share_positive: float | None
    top_percent_share_negative: float | None
    histogram: Histogram


class LayerProfile(Shape):
    """The query's influence by layer, summed over the kept sequences of one sign, in the run's unit."""

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
    corpus_grown: bool = Field(description="whether documents were put into the corpus since")
    factors_fingerprint: str | None
    factors_config: dict[str, object]
    factors_sequences: int | None = Field(
        description="how many sequences the factors were fitted on; null where that is not on record any more"
    )
    adapter: str | None = Field(description="the folder of the LoRA adapter")
    adapter_weights: AdapterWeights | None
    weights: str = Field(description="which weights the influence is over")
    damping: str
    rank: str
    labels: str
    training_sequences: int | None = Field(description="N; null where it is not known, or not yet")
    scope: Scope
    sequences_scanned: int
    corpus_sequences: int | None = Field(description="how many the corpus had; null for runs that do not tell")
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
    unit: UnitKey = Field(description="of the distribution and the layer profile: raw where N is not known")
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
    revision: str | None
    gguf_file: str | None
    adapter: str | None = Field(description="the folder of a LoRA adapter")
    adapter_weights: AdapterWeights | None
    weights: str = Field(description="which weights its influences are over")
    corpus: str | None = Field(description="the corpus that it was trained on, if that is one here")
    training_tokens: int | None = Field(description="how many tokens it was trained on; null where nobody has said")
    chat_template: bool
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
    tokenizer_fingerprint: str | None
    indexes: list[IndexView] = Field(description="what makes scope indexed quick, by corpus")


class Reading(Shape):
    """How the rows of a source are read, and how documents become sequences."""

    format: SourceFormat | None = Field(default=None, description="null: told from the name of the source")
    text_field: str = "text"
    id_field: str = "id"
    kind_field: str = "kind"
    source_field: str = "source"
    other_fields: bool = Field(default=True, description="keep all other fields with the document, as `metadata`")
    sequences: Sequencing = Field(
        default="documents",
        description="documents: one each, a long one cut in pieces; packed: documents one after another, cut into "
        "sequences of full length",
    )
    config: str | None = Field(default=None, description="of a dataset of the Hugging Face hub")
    split: str | None = None
    revision: str | None = None


class SkippedRow(Shape):
    """A row of a source that gave no document, and why."""

    place: str
    reason: str


class Skipped(Shape):
    """The rows of a source that gave no document, counted by reason, with the first of them."""

    count: int = 0
    reasons: dict[str, int] = {}
    first: list[SkippedRow] = []


class CorpusPart(Shape):
    """A source that a corpus was made of."""

    source: str
    documents: int
    fingerprint: str
    skipped: int
    added_at: datetime


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
    reading: Reading
    skipped: Skipped
    parts: list[CorpusPart] = Field(description="the sources it was made of, in order; it grows by further ones")
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
    prompt_tokens: list[str] = Field(description="of a chat, of all that stands before the assistant's turn")
    completion_tokens: list[str]
    completion_stretches: list[tuple[int, int]] = Field(
        description="the completion's characters that each of its tokens stands for, to be given as `counted`"
    )
    counted: list[bool] = Field(description="which of the completion's tokens count")
    against_tokens: list[str] = Field(description="of a contrast, the other completion's tokens")
    context_length: int | None
    problem: Problem | None


class CandidateRow(Shape):
    """A candidate of a query with its score, and how that stands to the score of the reference candidate."""

    place: int = Field(description="its place in the list, from 1")
    sequence_id: int = Field(description="the same from 0, as in the ranked lists")
    id: str
    text: str
    rank: int | None = Field(description="among those of its sign; null for a score of exactly 0")
    influence: float
    nats_per_copy: float | None = Field(description="null where N is not known")
    difference: float = Field(description="its influence minus that of the reference")
    ratio: float | None = Field(description="its influence divided by that of the reference; null where that is 0")
    token_influences: list[float]
    layer_influences: list[float]
    tokens: list[str]


class CandidatePage(Shape):
    """`GET /api/v1/runs/{id}/candidates?reference=&offset=&limit=`: the candidates in the order they were given."""

    run: str
    query: str
    candidates: CandidateListView
    reference: int = Field(description="the place of the candidate that the others are held against")
    offset: int
    limit: int
    total: int
    training_sequences: int | None
    unit: UnitKey
    layers: list[str]
    rows: list[CandidateRow]


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
