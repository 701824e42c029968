"""What there is about one model and about one corpus, and how the whole installation stands."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.services.shapes.asking import QuerySummary
from app.services.shapes.base import Problem, RunState, Scope, Shape, Stage
from app.services.shapes.catalog import CorpusView, ModelView, Status
from app.services.shapes.checks import CheckView, Verdict


class FactorsView(Shape):
    """The fitted curvature of a model on a corpus."""

    corpus: str
    length: int = Field(description="tokens that the corpus's documents are cut into, at most")
    sequences: int | None = Field(description="how many they were fitted on; null in files of older versions")
    corpus_sequences: int = Field(description="how many the corpus has as it is cut now")
    fitted_at: datetime
    seconds: dict[str, float] = Field(description="what each stage of the fit took")
    config: dict[str, Any]
    damping: str = Field(description="what a query adds to the corrected eigenvalues unless it says otherwise")
    fingerprint: str
    weights_changed: bool = Field(description="the model's weights are others than those they were fitted on")
    corpus_grown: bool = Field(description="documents were added since; `influence model refit` fits them in")


class CostView(Shape):
    """What scans of a scope took on this installation; a scan answers all queries that wait for it together."""

    scope: Scope
    scans: int
    queries: int = Field(description="answered by these scans")
    sequences: int = Field(description="scored by a scan, median")
    seconds: float = Field(description="of a scan with everything around it, median")
    least: float
    most: float


class MeasuredPair(Shape):
    """A change of log p that was predicted beside the one that was measured, both in nats."""

    check: str
    run: str
    query: str
    sequence_id: int
    change: Literal["added", "removed"]
    predicted: float
    measured: float
    verdict: Verdict


class Faithfulness(Shape):
    """How well a model's influences foretold what re-optimising it does, from this installation's own checks.

    Intervals are of 95 %: of the correlation by resampling checks (seeded), of shares after Wilson (1927).
    """

    checks: int = Field(description="counterfactual checks that are done")
    waiting: int
    failed: int
    not_converged: int = Field(description="changes left out, since their solve stopped before it had converged")
    pairs: list[MeasuredPair] = Field(description="copies added and taken away, those that had converged")
    pearson: float | None = Field(description="of predicted and measured; null for fewer than three pairs")
    pearson_interval: tuple[float, float] | None
    spearman: float | None
    same_sign: int = Field(description="pairs whose measured change has the predicted sign")
    same_sign_interval: tuple[float, float] | None = Field(description="of the share")
    holds: int = Field(description="pairs whose sizes agree within a factor of two")
    ratio: float | None = Field(description="measured over predicted, median of the pairs of one sign")


class StudyNumber(Shape):
    """A number that a study measured on these very weights."""

    study: str = Field(description="see `GET /api/v1/studies/{name}`")
    title: str
    told: str
    value: float


class ModelDetail(ModelView):
    """`GET /api/v1/models/{name}`: a model with its factors, what queries cost, and how faithful it was measured."""

    factors: list[FactorsView] = Field(description="the newest first")
    costs: list[CostView]
    faithfulness: Faithfulness
    studies: list[StudyNumber] = Field(
        description="what studies measured on these very weights; none for your own model"
    )
    queries: int
    recent: list[QuerySummary] = Field(description="the newest queries it was asked")


class CutView(Shape):
    """A corpus as one tokenizer cuts it."""

    tokenizer_fingerprint: str
    models: list[str] = Field(description="whose tokenizer it is")
    length: int = Field(description="tokens of a sequence, at most")
    sequences: int
    tokens: int
    duplicates: int | None
    lexical_bytes: int | None
    behind: bool = Field(description="documents were added since it was cut; the next query cuts them")
    fingerprint: str
    cut_at: datetime


class CorpusDetail(CorpusView):
    """`GET /api/v1/corpora/{name}`: a corpus with every way it is cut, and what was asked of it."""

    added_at: datetime
    cuts: list[CutView]
    models: list[str] = Field(description="the models that were trained on it")
    queries: int
    recent: list[QuerySummary] = Field(description="the newest queries asked of it")


class LineRun(Shape):
    """A run that waits or goes on."""

    id: str
    query: str
    model: str
    prompt: str
    completion: str
    state: RunState
    stage: Stage
    done: int
    total: int
    position: int | None = Field(description="its place in line, from 1; null once it goes on")
    seconds_left: float | None
    queued_at: datetime


class Failure(Shape):
    """Something that ended badly, and what to do about it."""

    kind: Literal["run", "model", "corpus", "index", "check"]
    name: str
    url: str
    error: Problem
    at: datetime | None


class FolderSize(Shape):
    """What a part of the data folder takes on disk."""

    name: str
    bytes: int


class Finding(Shape):
    """Something that was looked at; without a problem it is fine."""

    what: str
    problem: str | None = None
    remedy: str = ""


class StatusReport(Status):
    """`GET /api/v1/status`: workers, the line, what is being made, what failed, and what all of it stands on."""

    line: list[LineRun] = Field(description="at most 50: those that go on, then those that wait, in their order")
    checks: list[CheckView] = Field(description="checks that wait or go on")
    failures: list[Failure] = Field(description="at most 20, the newest first")
    database: str
    database_bytes: int | None
    folders: list[FolderSize] = Field(description="of the data folder, looked at once a minute at most")
    free_bytes: int | None
    version: str
    findings: list[Finding] = Field(description="what `influence doctor` says that the web server can see")
