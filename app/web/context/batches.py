"""Many queries at once: the form that takes a file, and the page on which they are watched."""

from dataclasses import dataclass

from app.services.shapes import BatchCheck, BatchForm, BatchQueryView, BatchRunView, BatchSummary, CorpusView, ModelView
from app.web.context.shell import FormError, Pager, Tab


@dataclass(frozen=True)
class BatchFilled:
    """The form as a person filled it in: the file's text, and what counts where its rows say nothing."""

    text: str = ""
    label: str = ""
    models: tuple[str, ...] = ()
    corpus: str = ""
    scope: str = "everything"
    keep: str = "50"
    damping: str = "0.1"
    rank: str = ""
    leave_out: bool = False

    def form(self) -> BatchForm:
        """What is sent to the check, and then to be asked."""
        defaults = {
            "models": list(self.models),
            "corpus": self.corpus or None,
            "scope": self.scope,
            "keep": self.keep,
            "damping": self.damping.strip() or None,
            "rank": self.rank.strip() or None,
        }
        given = {name: value for name, value in defaults.items() if value is not None}
        return BatchForm(text=self.text, label=self.label.strip() or None, leave_out=self.leave_out, defaults=given)


@dataclass(frozen=True)
class NewBatchPage:
    """`/queries/batch`: a file of queries, and what was found when it was checked."""

    filled: BatchFilled
    choices: tuple[ModelView, ...]
    corpora: tuple[CorpusView, ...]
    most: int
    columns: tuple[str, ...]
    checked: BatchCheck | None = None
    error: FormError | None = None

    @property
    def wrong(self) -> int:
        """How many rows cannot be asked."""
        return 0 if self.checked is None else self.checked.rows - self.checked.right


@dataclass(frozen=True)
class BatchRunLine:
    """A run of a batch with the addresses of its list and of its heaviest sequence, whose score is `value`."""

    run: BatchRunView
    name: str
    url: str
    sequence_url: str | None
    value: float | None


@dataclass(frozen=True)
class BatchLine:
    """A query of a batch with what each model said; `compare` where two have."""

    query: BatchQueryView
    url: str
    runs: tuple[BatchRunLine, ...]
    compare: str | None


@dataclass(frozen=True)
class BatchPage:
    """`/batches/{id}`: how far many queries are, and what each found."""

    batch: BatchSummary
    lines: tuple[BatchLine, ...]
    pager: Pager
    states: tuple[tuple[str, int], ...]
    csv: str
    json: str

    @property
    def done(self) -> int:
        """How many runs have ended, in whatever way."""
        return sum(number for state, number in self.states if state in ("done", "failed", "cancelled"))

    @property
    def busy(self) -> bool:
        """Whether any run waits or runs."""
        return self.done < self.batch.runs

    @property
    def to_retry(self) -> int:
        """How many runs failed or were cancelled."""
        return sum(number for state, number in self.states if state in ("failed", "cancelled"))


@dataclass(frozen=True)
class BatchesPage:
    """`/batches`: every batch, the newest first."""

    batches: tuple[BatchSummary, ...]
    next: Tab | None
