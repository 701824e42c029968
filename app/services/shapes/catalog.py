"""What can be asked about: models, corpora, gradient indexes, and the workers that answer."""

from datetime import datetime

from pydantic import Field

from app.services.shapes.base import (
    AdapterWeights,
    IndexRecall,
    PreparationState,
    Problem,
    Sequencing,
    Shape,
    SourceFormat,
)


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
    reasons: dict[str, int] = Field(default={})
    first: list[SkippedRow] = Field(default=[])


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
    doing: str | None = Field(default=None, description="what it is busy with, as far as the rows tell")


class Status(Shape):
    """Models, corpora and workers at a glance, for the header and the gallery."""

    workers: list[WorkerView]
    models: list[ModelView]
    corpora: list[CorpusView]
    queued: int
    running: int
