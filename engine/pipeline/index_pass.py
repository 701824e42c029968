"""The pass that makes a gradient index: components of whitened gradients, computed, chosen and quantised."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from engine.corpus.batches import Batch, Sequences
from engine.corpus.subset import Subset
from engine.errors import QueryError
from engine.maths.byte_budget import densities, density_within
from engine.maths.components import Components, joined, leading_components
from engine.maths.quantisation import packed_bytes, quantise
from engine.maths.whitening import inner_products
from engine.model.capture import Captured
from engine.model.language_model import LanguageModel
from engine.pipeline.passes import run_pass, true_labels
from engine.pipeline.whitened import Whitening
from engine.storage.gradient_shard import ModuleShard, ProbeHits
from engine.terms import ByteBudget, FixedRank, IndexConfig, ProgressCallback

# What the components of some sequences may take before they are chosen from and quantised.
BYTES = 128 * 2**20
# Bytes of a component beside its codes, and of a sequence for each module: a scale, and a count.
SCALE_BYTES, COUNT_BYTES = 4, 1
# Sequences on which the density is found that meets a byte budget.
SAMPLE = 256
# How many of the heaviest sequences of each probe are kept, and looked for.
HEAVIEST = 10


@dataclass(frozen=True, slots=True)
class Computed:
    """Some sequences of a pass: their places in it, components by module, and over all modules the squared norms
    of the whitened gradients and the exact influences on the probes.
    """

    index: Int[Tensor, " sequence"]
    modules: Mapping[str, Components]
    squared_norms: Float[Tensor, " sequence"]
    influences: Float[Tensor, "sequence probe"]


class IndexPass:
    """Passes over sequences for an index of one configuration; `probes` are whitened, [probe, out, in] by module."""

    def __init__(
        self,
        model: LanguageModel,
        whitening: Whitening,
        config: IndexConfig,
        probes: Mapping[str, Float[Tensor, "probe d_out d_in"]],
    ) -> None:
        self._model, self._whitening, self.config, self._probes = model, whitening, config, probes
        self._dimensions = {name: sum(model.dimensions(name)) for name in model.tracked}
        keep = config.keep
        self._components = keep.rank if isinstance(keep, FixedRank) else keep.most_components
        # For the sum of in and out of one sequence: few enough that their components keep to BYTES.
        self._rows = max(1, BYTES // (4 * self._components * sum(self._dimensions.values())))

    def run(
        self, sequences: Sequences, consume: Callable[[Computed], None], stage: str, progress: ProgressCallback
    ) -> None:
        """Hand the components of all sequences to `consume`, a few sequences at a time, in the pass's order."""

        def compute(batch: Batch, captured: Captured) -> None:
            for index, rows in self._parts(batch):
                consume(self._computed(index, captured, rows))

        run_pass(self._model, sequences, self.config.batch_tokens, true_labels, compute, stage, progress)

    def densities(self, name: str, computed: Computed) -> Float[Tensor, "sequence component"]:
        """How dense the components through one module are (`maths.byte_budget`)."""
        values = computed.modules[name].values
        share = self._cost(name) / sum(self._cost(other) for other in self._dimensions)
        return densities(values, computed.squared_norms.to(values), share)

    def density(self, sequences: Sequences, progress: ProgressCallback) -> float:
        """The density above which components are kept; for a byte budget, found on a sample of the corpus.

        Raises: QueryError when the budget has no room for any component.
        """
        if not isinstance(self.config.keep, ByteBudget):
            return 0.0
        found: list[Tensor] = []
        costs: list[Tensor] = []

        def collect(computed: Computed) -> None:
            for name in computed.modules:
                dense = self.densities(name, computed).flatten().cpu()
                found.append(dense)
                costs.append(torch.full_like(dense, self._cost(name)))

        sample = _sample(sequences)
        self.run(sample, collect, "sampling", progress)
        budget = self.config.keep.share * sum(self._dimensions.values()) - COUNT_BYTES * len(self._dimensions)
        density = density_within(torch.cat(found), torch.cat(costs), budget * len(sample))
        if density == torch.inf:
            raise QueryError(f"ByteBudget({self.config.keep.share}) keeps nothing.", "Give a larger one.")
        return density

    def _parts(self, batch: Batch) -> Iterator[tuple[Int[Tensor, " _"], slice]]:
        for start in range(0, len(batch.index), self._rows):
            rows = slice(start, start + self._rows)
            yield batch.index[rows], rows

    def _computed(self, index: Int[Tensor, " sequence"], captured: Captured, rows: slice) -> Computed:
        squared_norms = torch.zeros(len(index), dtype=torch.float64)
        probes = len(next(iter(self._probes.values()), ()))
        influences = torch.zeros(len(index), probes, dtype=torch.float64)
        modules = {}
        for name in self._model.tracked:
            found, norms, products = [], [], []
            for some in self._whitening.gradients(name, captured, rows):
                found.append(leading_components(some, self._components))
                norms.append(some.square().sum((1, 2)))
                if probes:
                    products.append(inner_products(self._probes[name], some))
            modules[name] = joined(found)
            squared_norms += torch.cat(norms).to(squared_norms)
            if probes:
                influences += torch.cat(products).to(influences)
        return Computed(index, modules, squared_norms, influences)

    def _cost(self, name: str) -> int:
        d_out, d_in = self._model.dimensions(name)
        return packed_bytes(d_out, self.config.bits) + packed_bytes(d_in, self.config.bits) + SCALE_BYTES


class ShardContents:
    """What a shard is to hold, as a pass over its sequences goes on."""

    def __init__(self, source: IndexPass, sequences: int, density: float) -> None:
        self._source, self._sequences, self._density = source, sequences, density
        self._modules: dict[str, list[_Kept]] = {}
        self._influences: Tensor | None = None

    def add(self, computed: Computed) -> None:
        """Choose and quantise the components of some sequences."""
        for name, components in computed.modules.items():
            dense = self._source.densities(name, computed)
            chosen = (dense >= self._density) & (components.values > 0)
            kept = _kept(components, chosen, computed.index, self._source.config)
            self._modules.setdefault(name, []).append(kept)
        if self._influences is None:
            self._influences = computed.influences.new_zeros(self._sequences, computed.influences.shape[1])
        self._influences[computed.index] = computed.influences

    def modules(self) -> dict[str, ModuleShard]:
        """The components by module, sequence after sequence."""
        return {name: _in_order(parts, self._sequences) for name, parts in self._modules.items()}

    def probe_hits(self, first: int) -> ProbeHits:
        """The heaviest sequences of each probe, when the shard's first sequence has that corpus index."""
        assert self._influences is not None
        index, score = zip(*(_heaviest(sign * self._influences.T) for sign in (1, -1)), strict=True)
        found, scores = torch.stack(index, dim=1), torch.stack(score, dim=1)
        return ProbeHits(torch.where(found < 0, found, found + first), scores)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Quantised components, and the sequence of the pass that each belongs to."""

    owner: Int[Tensor, " component"]
    scale: Float[Tensor, " component"]
    left: Tensor
    right: Tensor


def _kept(components: Components, chosen: Tensor, index: Int[Tensor, " sequence"], config: IndexConfig) -> _Kept:
    left, right = (quantise(vectors[chosen], config.bits) for vectors in (components.left, components.right))
    scale = components.values[chosen] * left.step * right.step
    owner = index[:, None].expand(chosen.shape)[chosen.cpu()]
    return _Kept(owner, scale.float().cpu(), left.codes.cpu(), right.codes.cpu())


def _in_order(parts: list[_Kept], sequences: int) -> ModuleShard:
    owner = torch.cat([part.owner for part in parts])
    order = owner.argsort(stable=True)
    return ModuleShard(
        counts=torch.bincount(owner, minlength=sequences).to(torch.uint8),
        scale=torch.cat([part.scale for part in parts])[order],
        left=torch.cat([part.left for part in parts])[order],
        right=torch.cat([part.right for part in parts])[order],
    )


def _heaviest(
    influences: Float[Tensor, "probe sequence"],
) -> tuple[Int[Tensor, "probe place"], Float[Tensor, "probe place"]]:
    """Places and signed-away scores of the heaviest above zero, in order; -1 and 0 where there are fewer."""
    order = influences.argsort(dim=1, descending=True, stable=True)[:, :HEAVIEST]
    scores = influences.gather(1, order)
    missing = HEAVIEST - order.shape[1]
    order, scores = (torch.nn.functional.pad(each, (0, missing)) for each in (order, scores))
    return order.masked_fill(scores <= 0, -1), scores.clamp(min=0)


def _sample(sequences: Sequences) -> Subset:
    """Sequences spread evenly over the corpus."""
    chosen = np.zeros(len(sequences), dtype=np.bool_)
    chosen[:: -(-len(sequences) // SAMPLE)] = True
    return Subset(sequences, chosen)
