"""How long a planned run will take on this device: a batch of it is run, and each kind of module worked on once."""

import time
from collections.abc import Callable
from collections.abc import Sequence as Series
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from torch import Tensor

from engine.corpus.batches import Batch, Sequences, batches
from engine.maths.blocks import in_blocks
from engine.maths.corrected_eigenvalues import squared_gradient_sum
from engine.maths.eigenbasis import Eigenbasis, eigenbasis
from engine.maths.wide import accumulating
from engine.model.capture import Captured, Products, capture
from engine.model.devices import wait
from engine.model.language_model import LanguageModel
from engine.pipeline.covariances import Covariances
from engine.pipeline.decomposition import decomposition_devices
from engine.pipeline.kernels import sequence_kernel, token_kernel
from engine.pipeline.one_batch import LabelChoice, captured_gradients, labels_for_fitting, true_labels
from engine.pipeline.plan import TOKENS_A_QUERY, Plan
from engine.pipeline.preconditioning import Preconditioning
from engine.storage.factors import ModuleFactors
from engine.storage.prepared import Factored, Preconditioned, Whole
from engine.terms import FactorConfig, ScoreConfig, Sequence

# Enough tokens for products to run at full speed, few enough to be over soon.
PROBE_TOKENS = 4096
PROBE_SEQUENCES = 64
# A decomposition is timed up to this width; a wider one takes longer as the cube of its width.
PROBE_WIDTH = 1024
# The first time also pays for warming up.
TIMES = 2


@dataclass(frozen=True, slots=True)
class Timing:
    """Expected seconds of each stage of a fit and of a scan, by the names that progress reports use."""

    fit: dict[str, float]
    scan: dict[str, float]


def expected_times(
    model: LanguageModel,
    sequences: Sequences,
    plan: Plan,
    fit: FactorConfig = FactorConfig(),
    score: ScoreConfig = ScoreConfig(per_token=False, top_k=50),
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time one batch of the corpus and the work on it, and stretch that to the plan's sequences and queries."""
    probe = _Probe(model, _sample(model, sequences, plan.batch_tokens), clock)
    fitting, fitted = probe.passes(labels_for_fitting(fit), Products(fit.precision))
    scanning, scanned = probe.passes(true_labels, Products(score.precision, model_too=True))
    batch_share = plan.work.padded / probe.batch.ids.numel()
    asked = plan.queries * TOKENS_A_QUERY / probe.batch.ids.numel()
    return Timing(
        fit={
            "covariances": batch_share * (fitting + probe.covariances(fitted, fit)),
            "eigenvectors": probe.eigenvectors(fitted, fit),
            "eigenvalues": batch_share * (fitting + probe.eigenvalues(fitted, fit)),
        },
        scan={
            "gradients": asked * scanning + plan.queries * probe.preconditioning(fitted, fit, score),
            "scanning": batch_share * (scanning + probe.influences(scanned, plan.queries, score)),
        },
    )


def _sample(model: LanguageModel, sequences: Sequences, batch_tokens: int) -> Batch:
    """The largest batch that some sequences from all over the corpus make."""
    step = max(1, len(sequences) // PROBE_SEQUENCES)
    places = range(0, len(sequences), step)
    some: list[Sequence] = (
        [sequences[place] for place in places]
        if isinstance(sequences, Series)
        else list(islice(sequences, PROBE_SEQUENCES))
    )
    made = batches(model, some, min(batch_tokens, PROBE_TOKENS))
    return max(made, key=lambda batch: batch.ids.numel())


class _Probe:
    """Times pieces of a run on one batch; what is timed for one layer counts for all layers like it."""

    def __init__(self, model: LanguageModel, batch: Batch, clock: Callable[[], float]) -> None:
        self._model, self.batch, self._clock = model, batch, clock

    def passes(self, labels: LabelChoice, products: Products) -> tuple[float, Captured]:
        """Seconds of forward and backward, and what was captured."""
        with capture(self._model, products) as opened:
            seconds = self._least(lambda: captured_gradients(opened, labels, self.batch))
            return seconds, captured_gradients(opened, labels, self.batch)

    def covariances(self, captured: Captured, config: FactorConfig) -> float:
        """Seconds of adding the batch to all covariances."""
        seconds = 0.0
        for names, count in self._layers(captured):
            sums, one = Covariances(config.block_width), _only(captured, names)
            seconds += count * self._least(partial(sums.add, self.batch, one))
        return seconds

    def eigenvectors(self, captured: Captured, config: FactorConfig) -> float:
        """Seconds of all eigendecompositions, spread over the devices that do them."""
        devices = decomposition_devices(self._model)
        seconds = 0.0
        for names, count in self._layers(captured):
            inputs = {id(captured.activations[name]): captured.activations[name].shape[-1] for name in names}
            widths = [*inputs.values(), *(captured.output_gradients[name].shape[-1] for name in names)]
            for width in widths:
                blocks = in_blocks(torch.empty(0, width), config.block_width)
                seconds += count * sum(self._eigenvectors(block.shape[-1], devices[0]) for block in blocks)
        return seconds / len(devices)

    def _eigenvectors(self, width: int, device: torch.device) -> float:
        narrow = min(width, PROBE_WIDTH)
        vectors = torch.randn(2 * narrow, narrow, device=device)
        matrix = vectors.T @ vectors
        return self._least(lambda: eigenbasis([matrix], "a probe", device)) * (width / narrow) ** 3

    def eigenvalues(self, captured: Captured, config: FactorConfig) -> float:
        """Seconds of adding the batch to all corrected eigenvalues."""

        def add(gradients: Tensor, activations: Tensor) -> float:
            bases = _basis(gradients, config), _basis(activations, config)
            return self._least(lambda: squared_gradient_sum(gradients, activations, *bases))

        return self._over_modules(captured, add)

    def preconditioning(self, captured: Captured, fit: FactorConfig, score: ScoreConfig) -> float:
        """Seconds of preconditioning one query, and of factoring it if that is asked for."""

        def precondition(gradients: Tensor, activations: Tensor) -> float:
            shape = gradients.shape[-1], activations.shape[-1]
            corrected = torch.ones(shape, dtype=gradients.dtype, device=gradients.device)
            factors = ModuleFactors(_basis(activations, fit), _basis(gradients, fit), corrected)
            module = Preconditioning("a probe", factors, 1, score)
            return self._least(lambda: module.add([0], gradients[:1], activations[:1]))

        return self._over_modules(captured, precondition)

    def influences(self, captured: Captured, queries: int, config: ScoreConfig) -> float:
        """Seconds of taking the batch's influences on so many queries."""
        kernel = token_kernel if config.per_token and config.top_k is None else sequence_kernel

        def influence(gradients: Tensor, activations: Tensor) -> float:
            query = _queries(gradients, activations, queries, config)
            return self._least(lambda: kernel(gradients, activations, query))

        return self._over_modules(captured, influence)

    def _over_modules(self, captured: Captured, seconds: Callable[[Tensor, Tensor], float]) -> float:
        return sum(
            count * seconds(captured.output_gradients[name], captured.activations[name])
            for names, count in self._layers(captured)
            for name in names
        )

    def _layers(self, captured: Captured) -> list[tuple[list[str], int]]:
        """For each kind of layer the modules of the first, and how many layers are like it."""
        kinds: dict[tuple[object, ...], tuple[list[str], int]] = {}
        for layer in self._model.layers:
            names = [name for name in self._model.tracked if self._model.layer_of[name] == layer]
            kind = tuple((self._model.dimensions(name), captured.activations[name].shape) for name in names)
            first, count = kinds.get(kind, (names, 0))
            kinds[kind] = (first, count + 1)
        return list(kinds.values())

    def _least(self, work: Callable[[], object]) -> float:
        taken = []
        for _ in range(TIMES):
            wait(self._model.device)
            began = self._clock()
            work()
            wait(self._model.device)
            taken.append(self._clock() - began)
        return min(taken)


def _only(captured: Captured, names: list[str]) -> Captured:
    return Captured(
        {name: captured.activations[name] for name in names},
        {name: captured.output_gradients[name] for name in names},
    )


def _basis(vectors: Tensor, config: FactorConfig) -> Eigenbasis:
    """As wide as the vectors; what it holds does not matter to the time that it takes."""
    dtype, device = accumulating(vectors.dtype), vectors.device
    widths = [block.shape[-1] for block in in_blocks(torch.empty(0, vectors.shape[-1]), config.block_width)]
    blocks = tuple(torch.randn(width, width, dtype=dtype, device=device) / width**0.5 for width in widths)
    return Eigenbasis(torch.ones(sum(widths), dtype=dtype, device=device), blocks)


def _queries(gradients: Tensor, activations: Tensor, count: int, config: ScoreConfig) -> Preconditioned:
    d_out, d_in = gradients.shape[-1], activations.shape[-1]
    if config.rank is None:
        return Whole(gradients.new_ones(count, d_out, d_in))
    # The rank that a share of energy keeps is known only when the query is there: the highest stands for it.
    rank = min(d_out, d_in, *([config.rank] if isinstance(config.rank, int) else []))
    return Factored(gradients.new_ones(count, d_out, rank), activations.new_ones(count, d_in, rank))
