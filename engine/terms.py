"""The engine's vocabulary as frozen dataclasses: what goes in and what is asked for."""

from collections.abc import Callable
from collections.abc import Sequence as Series
from dataclasses import dataclass
from typing import Literal

from engine.errors import CorpusError, FactorsError, QueryError

Labels = Literal["sampled", "true"]
# The dtype of matrix products with captured vectors; sums over batches are float32 in either case.
Precision = Literal["float32", "bfloat16"]
# Padded tokens in a batch; "auto" takes what half of the device's free memory holds when a pass begins.
BatchTokens = int | Literal["auto"]


@dataclass(frozen=True, slots=True)
class Sequence:
    """A training sequence, taken as it stands: position t predicts position t + 1, the last predicts nothing."""

    ids: tuple[int, ...]

    def __init__(self, ids: Series[int]) -> None:
        if len(ids) < 2:
            raise CorpusError(
                f"A sequence has {len(ids)} token(s), so it predicts nothing.",
                "Give sequences of two tokens or more.",
            )
        object.__setattr__(self, "ids", tuple(int(i) for i in ids))


# [start, stop) of a completion's characters, or of its tokens where a query is given as ids.
Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Query:
    """A measurement to explain: log p(completion | prompt), summed over the completion's tokens, in nats.

    Give either text, tokenised once by the model's tokenizer, or ids through `Query.from_ids`.
    counted: of the sum, only the tokens whose own characters overlap one of these stretches of the completion; the
        white space before a word is not the word's own. The others are still read. None counts all.
    """

    prompt: str = ""
    completion: str = ""
    prompt_ids: tuple[int, ...] | None = None
    completion_ids: tuple[int, ...] | None = None
    counted: tuple[Stretch, ...] | None = None

    def __post_init__(self) -> None:
        length = len(self.completion if self.completion_ids is None else self.completion_ids)
        for start, stop in self.counted or ():
            if not 0 <= start < stop <= length:
                raise QueryError(
                    f"The stretch [{start}, {stop}) does not lie in the completion of length {length}.",
                    "Give stretches with 0 <= start < stop <= the completion's length.",
                )

    @classmethod
    def from_ids(
        cls, prompt_ids: Series[int], completion_ids: Series[int], counted: Series[int] | None = None
    ) -> "Query":
        """A query of token ids, taken as they stand: no beginning-of-sequence token is put in front.

        counted: which tokens of the completion count, by their places in it; None counts all.
        """
        if not prompt_ids or not completion_ids:
            raise QueryError(
                f"A query needs prompt and completion ids; got {len(prompt_ids)} and {len(completion_ids)}.",
                "Give at least one token of each: the first completion token is predicted from the prompt.",
            )
        stretches = None if counted is None else tuple((place, place + 1) for place in sorted(set(counted)))
        return cls(prompt_ids=tuple(prompt_ids), completion_ids=tuple(completion_ids), counted=stretches)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A measurement of one completion against another: log p of `query` minus log p of `against`, in nats.

    Influences on it say what raises the first more than the second; each is the difference of two influences.
    """

    query: Query
    against: Query


Measurement = Query | Contrast


@dataclass(frozen=True, slots=True)
class Writing:
    """How a model writes a completion: token by token, at most `max_tokens`.

    temperature: 0 takes the likeliest token each time; above, tokens are drawn from p^(1 / temperature).
    seed: of the draws, which depend on nothing else.
    """

    max_tokens: int = 32
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise QueryError(f"max_tokens={self.max_tokens} writes nothing.", "Give 1 or more.")
        if not self.temperature >= 0:
            raise QueryError(f"temperature={self.temperature} is below zero.", "Give 0 (greedy) or more.")


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise QueryError(f"{name}({value}) does not damp.", "Give a number above zero.")


@dataclass(frozen=True, slots=True)
class RelativeDamping:
    """Damping as a multiple of the mean corrected eigenvalue of each module; the paper's is 0.1."""

    factor: float = 0.1

    def __post_init__(self) -> None:
        _positive("RelativeDamping", self.factor)


@dataclass(frozen=True, slots=True)
class AbsoluteDamping:
    """The same damping for every module, in the units of the corrected eigenvalues (nats^2)."""

    value: float

    def __post_init__(self) -> None:
        _positive("AbsoluteDamping", self.value)


Damping = RelativeDamping | AbsoluteDamping

PAPER_DAMPING = RelativeDamping(0.1)


@dataclass(frozen=True, slots=True)
class RetainedEnergy:
    """For each module the least rank that keeps this share of the preconditioned query's squared norm."""

    share: float = 0.999

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise QueryError(f"RetainedEnergy({self.share}) is not a share.", "Give a number in (0, 1].")


Rank = int | RetainedEnergy | None


def _check_budget(batch_tokens: BatchTokens) -> None:
    if batch_tokens != "auto" and batch_tokens < 1:
        raise CorpusError(f"batch_tokens={batch_tokens} holds no token.", 'Give 1 or more, or "auto".')


@dataclass(frozen=True, slots=True)
class FactorConfig:
    """How factors are fitted.

    labels: "sampled" draws each label from the model (the paper's choice: the true Fisher); "true" takes the
        next token (the empirical Fisher, for comparison with other tools).
    seed: sampled labels depend only on (seed, sequence, position).
    batch_tokens: padded tokens in a batch; bounds memory, not the result (rounding apart: with "auto" two runs may
        cut batches differently). A batch that does not fit all the same is halved until it does.
    block_width: a covariance wider than this is fitted as diagonal blocks of near-equal width, no wider than this,
        which saves memory and time at some cost in accuracy; None keeps every covariance whole.
    precision: "bfloat16" makes the statistics' matrix products in bfloat16; the model runs as it is loaded.
    """

    labels: Labels = "sampled"
    seed: int = 0
    batch_tokens: BatchTokens = 8192
    block_width: int | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        _check_budget(self.batch_tokens)
        if self.block_width is not None and self.block_width < 1:
            raise FactorsError(f"block_width={self.block_width} leaves no block.", "Give 1 or more, or None.")


@dataclass(frozen=True, slots=True)
class ScoreConfig:
    """What to compute of the influences.

    rank: None keeps the preconditioned query whole; an integer or `RetainedEnergy` factors it.
    per_token: token influences too (of the hits only, when `top_k` is given).
    top_k: keep the k heaviest sequences of each sign and a summary of all scores, instead of all scores.
    precision: "bfloat16" runs the model and the products of a scan in bfloat16 and keeps the queries in it.
    """

    damping: Damping = PAPER_DAMPING
    rank: Rank = None
    per_token: bool = True
    top_k: int | None = None
    batch_tokens: BatchTokens = 8192
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        _check_budget(self.batch_tokens)
        for name, value in (("rank", self.rank), ("top_k", self.top_k)):
            if isinstance(value, int) and value < 1:
                raise QueryError(f"{name}={value} keeps nothing.", "Give 1 or more, or None.")


# A shard counts the components of a sequence through a module in one byte.
_MOST_COMPONENTS = 255


def _check_components(name: str, count: int) -> None:
    if not 1 <= count <= _MOST_COMPONENTS:
        raise QueryError(f"{name}={count} is out of range.", f"Give 1 to {_MOST_COMPONENTS}.")


@dataclass(frozen=True, slots=True)
class FixedRank:
    """The same number of components of every sequence through every module."""

    rank: int = 4

    def __post_init__(self) -> None:
        _check_components("FixedRank.rank", self.rank)


@dataclass(frozen=True, slots=True)
class ByteBudget:
    """The components that hold most of their sequence's squared norm a byte, over all modules.

    share: bytes a sequence on average, in units of the sum of (in + out) over the tracked modules. How dense a
        component must be to be kept is found on a sample of the corpus, so the average is met nearly.
    most_components: never more than these of one sequence through one module; so many are computed.
    """

    share: float = 1.9
    most_components: int = 16

    def __post_init__(self) -> None:
        if not self.share > 0:
            raise QueryError(f"ByteBudget({self.share}) keeps nothing.", "Give a number above zero.")
        _check_components("ByteBudget.most_components", self.most_components)


Keep = FixedRank | ByteBudget


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """What a gradient index keeps of each sequence.

    damping: that of the influences which the index stands for; exact re-scoring should use the same.
    keep: how many components of the whitened gradients; bits: of each entry of their vectors (2, 4 or 8).
    shard_sequences: sequences a file; what is lost when the building is interrupted.
    batch_tokens: padded tokens in a batch; bounds memory, not the result (rounding apart).
    """

    damping: Damping = PAPER_DAMPING
    keep: Keep = ByteBudget()
    bits: Literal[2, 4, 8] = 2
    shard_sequences: int = 1024
    batch_tokens: BatchTokens = 8192

    def __post_init__(self) -> None:
        _check_budget(self.batch_tokens)
        if self.shard_sequences < 1:
            raise CorpusError(f"shard_sequences={self.shard_sequences} holds nothing.", "Give 1 or more.")


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of work: `done` of `total` sequences (or modules, in stage "eigenvectors") of a stage."""

    stage: str
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The progress callback that tells nobody."""
