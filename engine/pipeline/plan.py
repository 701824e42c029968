"""The plan of a run: what fitting and scanning will take in memory, stage by stage, before anything is run."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.corpus.batches import Sequences, checked, groups
from engine.maths.summary import EDGES
from engine.model.capture import Products
from engine.model.language_model import LanguageModel
from engine.model.memory import free_memory
from engine.pipeline.footprint import Footprint, footprint, tokens_in_force
from engine.pipeline.one_batch import labels_for_fitting, true_labels
from engine.pipeline.query import BATCH_TOKENS as QUERY_TOKENS
from engine.pipeline.sizes import (
    Load,
    Shape,
    captured_bytes,
    corrected_bytes,
    covariance_bytes,
    covariance_workspace,
    decomposition_bytes,
    eigenvalue_bytes,
    eigenvalue_workspace,
    factor_bytes,
    index_bytes,
    query_bytes,
    scan_workspace,
    shapes,
    weight_bytes,
)
from engine.terms import FactorConfig, IndexConfig, ScoreConfig

# On a CPU, beside the tensors, as measured (docs/studies/memory-plan.json): what kernels and threads keep for
# themselves, at rest and with large tensors; and holes in the C library's heap, where smaller ones come and go.
KERNEL_BYTES = 48 * 2**20
KERNEL_SHARE = 0.25
HEAP_HOLES = 0.5
HEAP_TENSOR = 32 * 2**20
# Queries are short; what they say is not known when a run is planned.
TOKENS_A_QUERY = 64


@dataclass(frozen=True, slots=True)
class Stage:
    """Bytes of one stage of a run, beyond the weights.

    held: what stays for the whole stage, by what it is. batch: what comes and goes with each batch, of which
    only one is there at a time. beside: what allocators and kernels keep beside the tensors, an estimate.
    """

    name: str
    held: Mapping[str, int]
    batch: Mapping[str, int]
    beside: int

    @property
    def peak(self) -> int:
        """The most there is at a time."""
        return sum(self.held.values()) + max(self.batch.values()) + self.beside


@dataclass(frozen=True, slots=True)
class Workload:
    """A corpus as batches: how many there are, their padded tokens, and the one that holds the most tokens."""

    sequences: int
    tokens: int
    longest: int
    batches: int
    padded: int
    largest: Load

    @classmethod
    def of(cls, sequences: Sequences, batch_tokens: int, on_cpu: bool) -> "Workload":
        """Go through the lengths of all sequences once, as a pass does."""
        tokens = longest = batches = padded = 0
        largest = Load(0, 1, on_cpu)
        for group in groups(sequences, batch_tokens, on_cpu=on_cpu):
            lengths = [len(sequence.ids) for _, sequence in group]
            size = len(group) * max(lengths)
            tokens, longest = tokens + sum(lengths), max(longest, *lengths)
            batches, padded = batches + 1, padded + size
            largest = max(largest, Load(size, len(group), on_cpu), key=lambda load: load.tokens)
        return cls(len(sequences), tokens, longest, batches, padded, largest)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run works on and what it takes; sizes in bytes.

    batch_tokens: the budget of padded tokens in force.
    index: a gradient index of the corpus, on disk. free: what the device has left; None where it does not tell.
    """

    device: str
    dtype: str
    parameters: int
    layers: tuple[str, ...]
    tracked: tuple[str, ...]
    untracked: tuple[str, ...]
    work: Workload
    queries: int
    batch_tokens: int
    weights: int
    index: int
    free: int | None
    fit: tuple[Stage, ...]
    scan: tuple[Stage, ...]

    @property
    def fit_peak(self) -> int:
        """The most that fitting holds beyond the weights."""
        return max(stage.peak for stage in self.fit)

    @property
    def scan_peak(self) -> int:
        """The most that preparing the queries and scanning hold beyond the weights."""
        return max(stage.peak for stage in self.scan)


def make_plan(
    model: LanguageModel,
    sequences: Sequences,
    queries: int,
    fit: FactorConfig = FactorConfig(),
    score: ScoreConfig = ScoreConfig(per_token=False, top_k=50),
    index: IndexConfig = IndexConfig(),
) -> Plan:
    """Plan fitting on the sequences and scanning them; runs the model on two sequences as long as the longest.

    Raises: CorpusError, ModelError; DeviceError when not even two sequences fit.
    """
    corpus = checked(sequences)
    budget = tokens_in_force(model, corpus, score.batch_tokens, Products(score.precision, model_too=True))
    work = Workload.of(corpus, budget, model.device.type == "cpu")
    planning = _Planning(model, work, queries, fit, score)
    return Plan(
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        parameters=model.parameters,
        layers=model.layers,
        tracked=model.tracked,
        untracked=model.untracked,
        work=work,
        queries=queries,
        batch_tokens=budget,
        weights=weight_bytes(model),
        index=planning.index(index),
        free=free_memory(model.device),
        fit=planning.fit(),
        scan=planning.scan(),
    )


class _Planning:
    """The arithmetic of the stages, once the model's footprint is known."""

    def __init__(
        self, model: LanguageModel, work: Workload, queries: int, fit: FactorConfig, score: ScoreConfig
    ) -> None:
        self._work, self._queries, self._fit, self._score = work, queries, fit, score
        self._layers, self._dtype = len(model.layers), model.dtype
        products = Products(fit.precision), Products(score.precision, model_too=True)
        self._fitting = footprint(model, work.longest, labels_for_fitting(fit), products[0])
        self._scanning = footprint(model, work.longest, true_labels, products[1])
        self._modules: tuple[Shape, ...] = shapes(model, self._scanning.sharing)

    def index(self, config: IndexConfig) -> int:
        """A gradient index of the corpus, on disk."""
        return index_bytes(self._modules, self._work.sequences, config)

    def fit(self) -> tuple[Stage, ...]:
        """Both passes of a fit, and the eigendecompositions between them."""
        modules, config, dtype = self._modules, self._fit, self._dtype
        covariances = covariance_bytes(modules, config, dtype)
        bases = covariances + eigenvalue_bytes(modules, dtype)
        load = self._work.largest
        captured = captured_bytes(modules, load.tokens, config.precision, dtype)
        return (
            Stage(
                "covariances",
                {"covariances": covariances},
                self._passing(self._fitting, captured + covariance_workspace(modules, load.tokens, dtype)),
                self._beside(self._fitting, load.tokens),
            ),
            Stage(
                "eigenvectors",
                {"covariances, then eigenvectors": bases},
                {"eigendecomposition": decomposition_bytes(modules, config, dtype)},
                self._beside(self._fitting, load.tokens),
            ),
            Stage(
                "eigenvalues",
                {"eigenvectors": bases, "corrected eigenvalues": corrected_bytes(modules, dtype)},
                self._passing(self._fitting, captured + eigenvalue_workspace(modules, load, dtype)),
                self._beside(self._fitting, load.tokens),
            ),
        )

    def scan(self) -> tuple[Stage, ...]:
        """Preparing the queries, and the pass over the corpus."""
        modules, dtype = self._modules, self._dtype
        factors = factor_bytes(modules, self._fit, dtype)
        prepared = query_bytes(modules, self._queries, self._score, dtype)
        captured = captured_bytes(modules, self._work.largest.tokens, self._score.precision, dtype)
        workspace = scan_workspace(modules, self._work.largest, self._queries, self._score, dtype)
        asked = min(QUERY_TOKENS, self._queries * TOKENS_A_QUERY)
        damped = corrected_bytes(modules, dtype)
        # Factored queries are found one by one and then put side by side.
        made = prepared if self._score.rank is None else 2 * prepared
        return (
            Stage(
                "gradients",
                {"factors": factors, "damped eigenvalues": damped, "queries": made},
                {"forward and backward": self._scanning.bytes(asked)},
                self._beside(self._scanning, asked),
            ),
            Stage(
                "scanning",
                {"factors": factors, "queries": prepared, "scores": self._results()},
                self._passing(self._scanning, captured + workspace),
                self._beside(self._scanning, self._work.largest.tokens),
            ),
        )

    def _passing(self, held: Footprint, consumed: int) -> dict[str, int]:
        return {
            "forward and backward": held.bytes(self._work.largest.tokens),
            "captured vectors and work on them": consumed,
        }

    def _beside(self, held: Footprint, tokens: int) -> int:
        if not self._work.largest.on_cpu:
            return 0
        small = held.bytes_in_tensors_below(HEAP_TENSOR, tokens)
        return KERNEL_BYTES + round(HEAP_HOLES * small + KERNEL_SHARE * (held.bytes(tokens) - small))

    def _results(self) -> int:
        """Scores kept until the end, in main memory: summaries and hits, or all terms in float64 and float32."""
        if not self._work.largest.on_cpu:
            return 0
        sequences, longest, layers = self._work.sequences, self._work.longest, self._layers
        if self._score.top_k is not None:
            hits = 2 * min(self._score.top_k, sequences) * layers * 4
            return self._queries * (hits + 16 * (len(EDGES) - 1))
        terms = 12 * layers + (4 * longest if self._score.per_token else 0)
        return self._queries * sequences * terms
