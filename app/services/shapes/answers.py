"""What comes of a run: ranked sequences, their distribution and layers, and everything that made the numbers."""

from datetime import datetime

from pydantic import Field

from app.services.shapes.annotated import Annotation
from app.services.shapes.asking import CandidateListView, RunView
from app.services.shapes.base import AdapterWeights, IndexRecall, RunState, Scope, Shape, Sign, UnitKey
from app.services.shapes.listed import ListChoice, Repeat
from app.services.shapes.spread import TailFit


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
    concentration: float = Field(
        description="two-norm over one-norm of its token influences: 1 where one token carries all, spurious above 2/3"
    )
    repeats: list[Repeat] = Field(
        default=[], description="with group=duplicates, those that are folded under it, the heaviest first"
    )
    annotation: Annotation | None = Field(default=None, description="the label and note that people put on it")


class InfluencePage(Shape):
    """`GET /api/v1/runs/{id}/influences?sign=&offset=&limit=` with the parameters of `ListChoice`."""

    run: str
    scope: Scope
    sign: Sign
    offset: int
    limit: int
    choice: ListChoice
    kept: int = Field(description="how many sequences of this sign are kept")
    total: int = Field(description="how many of them are listed: all, or those that the choice leaves")
    folded: int = Field(description="how many more are folded under those listed")
    kinds: dict[str, int] = Field(description="how many of those kept are of each kind")
    training_sequences: int | None = Field(description="N; null where it is not known")
    unit: UnitKey = Field(description="what pages show: nats_per_copy where N is known, else raw")
    sequences_scanned: int
    corpus_sequences: int | None = Field(description="how many the corpus had; null for runs that do not tell")
    layers: list[str]
    rows: list[InfluenceRow]
    next: str | None = Field(default=None, description="the cursor of the rows that follow; null at the end")


class HeldDocument(Shape):
    """A document that a sequence was cut from: its stretch [start, stop) of the text shown, and what is known of it."""

    document: str
    kind: str | None
    source: str
    start: int
    stop: int
    begins: int = Field(description="which of the document's characters the stretch begins with")
    metadata: dict[str, object] | None = Field(description="the other fields of its row")


class PlacedRow(InfluenceRow):
    """A ranked sequence with its places in documents."""

    documents: list[HeldDocument] = Field(description="what it was cut from, in order; empty for answers of old")


class InfluenceDetail(PlacedRow):
    """`GET /api/v1/runs/{id}/influences/{sequence_id}`; `matrix[layer][token]` sums to both marginals."""

    run: str
    sign: Sign
    source: str
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
    tail_positive: TailFit | None = Field(description="null where too few scores have that sign to fit a law")
    tail_negative: TailFit | None = Field(description="the same for the sizes of negative scores")


class LayerProfile(Shape):
    """The query's influence by layer, summed over the kept sequences of one sign, in the run's unit."""

    layers: list[str]
    positive: list[float]
    negative: list[float]


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
    factors_refitted: bool = Field(description="whether the model's factors were fitted anew since")
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
    precision: str = Field(description="of the pass over the corpus")
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
    next: str | None = Field(default=None, description="the cursor of the rows that follow; null at the end")
