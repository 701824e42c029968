"""Scanning: influences of training sequences on prepared queries, all queries in one pass."""

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Sequence as Series
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from engine.corpus.batches import Batch, Sequences, checked
from engine.errors import NumericalError
from engine.maths.summary import Summary
from engine.model.capture import Captured, Products
from engine.model.language_model import LanguageModel
from engine.pipeline.influences import Hit, Influences, as_numpy, heaviest
from engine.pipeline.kernels import Kernel, sequence_kernel, token_kernel
from engine.pipeline.passes import run_pass, true_labels
from engine.pipeline.query import prepare
from engine.storage.factors import Factors
from engine.storage.prepared import Preconditioned, PreparedQueries
from engine.terms import Measurement, ProgressCallback, ScoreConfig, Sequence, silent

Queries = PreparedQueries | Series[Measurement]


def score(
    model: LanguageModel,
    factors: Factors,
    prepared: Queries,
    sequences: Iterable[Sequence],
    config: ScoreConfig = ScoreConfig(),
    progress: ProgressCallback | None = None,
) -> Influences:
    """Influences of the sequences on the queries (paper, eqs 25 and 30), one corpus pass for all queries.

    prepared: what `prepare` returned, or a list of queries, which are prepared first.
    config.top_k: without it all scores are returned; with it the heaviest of each sign and a summary of all,
        and the hits are scored a second time for their exact token terms if config.per_token.

    Raises: CorpusError, QueryError, FactorsError, NumericalError.
    """
    report = progress or silent
    checked_sequences = checked(sequences)
    ready = _ready(model, factors, prepared, config, report)
    if config.top_k is not None:
        return _scan_for_hits(model, factors, ready, checked_sequences, config, report)
    everything = _AllTerms(model, len(ready), len(checked_sequences), _longest(checked_sequences))
    kernel = token_kernel if config.per_token else sequence_kernel
    _scan(model, ready, checked_sequences, config, kernel, everything.add, "scanning", report)
    return everything.influences(with_tokens=config.per_token)


def rescore(
    model: LanguageModel,
    factors: Factors,
    prepared: Queries,
    sequences: Iterable[Sequence],
    config: ScoreConfig = ScoreConfig(),
    progress: ProgressCallback | None = None,
) -> Influences:
    """The exact terms of chosen sequences, with `matrix` [query, sequence, layer, token] as well.

    Always in float32 products; queries that were prepared in bfloat16 keep the rounding they have.
    """
    report, config = progress or silent, replace(config, precision="float32")
    checked_sequences = checked(sequences)
    ready = _ready(model, factors, prepared, config, report)
    terms = _AllTerms(model, len(ready), len(checked_sequences), _longest(checked_sequences), with_matrix=True)
    _scan(model, ready, checked_sequences, config, token_kernel, terms.add, "rescoring", report)
    return terms.influences(with_tokens=True)


Consumer = Callable[[Batch, Float[Tensor, "query sequence layer _"]], None]


def _scan(
    model: LanguageModel,
    prepared: PreparedQueries,
    sequences: Sequences,
    config: ScoreConfig,
    kernel: Kernel,
    consume: Consumer,
    stage: str,
    progress: ProgressCallback,
) -> None:
    """Hand [query, sequence, layer, token] terms of every batch to `consume`."""

    def add_modules(batch: Batch, captured: Captured) -> None:
        consume(batch, _by_layer(model, batch, captured, partial(_module_terms, prepared, kernel)))

    run_pass(
        model, sequences, config.batch_tokens, true_labels, add_modules, stage, progress, products=_products(config)
    )


def _module_terms(
    prepared: PreparedQueries, kernel: Kernel, name: str, gradients: Tensor, activations: Tensor
) -> Float[Tensor, "query sequence _"]:
    return kernel(gradients, activations, prepared.modules[name])


def _by_layer(
    model: LanguageModel, batch: Batch, captured: Captured, terms_of: Callable[[str, Tensor, Tensor], Tensor]
) -> Float[Tensor, "query sequence layer _"]:
    """The terms of the modules of each layer, added up.

    Raises: NumericalError when they are not finite.
    """
    layers: dict[str, Tensor] = {}
    for name in model.tracked:
        # A model may be spread over devices; the terms, which are small, meet where the batch is.
        term = terms_of(name, captured.output_gradients[name], captured.activations[name]).to(batch.ids.device)
        layer = model.layer_of[name]
        layers[layer] = layers[layer] + term if layer in layers else term
    stacked = torch.stack([layers[layer] for layer in model.layers], dim=2)
    if not bool(torch.isfinite(stacked.sum())):
        raise NumericalError(
            f"Influences of sequences {batch.index.tolist()[:4]}... hold NaN or infinity.",
            "Load the model in float32 (dtype='float32'), or raise the damping.",
        )
    return stacked


def _products(config: ScoreConfig) -> Products:
    return Products(config.precision, model_too=True)


class _AllTerms:
    """Collects the terms of all sequences in corpus order, on the CPU."""

    def __init__(
        self, model: LanguageModel, queries: int, sequences: int, longest: int, with_matrix: bool = False
    ) -> None:
        self._layers = model.layers
        self._layer = torch.zeros(queries, sequences, len(model.layers), dtype=torch.float64)
        self._token: Tensor | None = None
        self._shape = (queries, sequences, longest)
        self._matrix = torch.zeros(queries, sequences, len(model.layers), longest) if with_matrix else None

    def add(self, batch: Batch, terms: Float[Tensor, "query sequence layer token"]) -> None:
        local = terms.cpu()
        self._layer[:, batch.index] = local.double().sum(-1)
        tokens = local.shape[-1]
        if tokens > 1 or self._token is not None:
            if self._token is None:
                self._token = torch.zeros(*self._shape)
            self._token[:, batch.index, :tokens] = local.double().sum(2).float()
        if self._matrix is not None:
            self._matrix[:, batch.index, :, :tokens] = local.float()

    def influences(self, with_tokens: bool) -> Influences:
        return Influences(
            self._layers,
            sequence=self._layer.sum(-1).float(),
            layer=self._layer.float(),
            token=self._token if with_tokens else None,
            matrix=self._matrix,
        )


@dataclass(slots=True)
class _Heaviest:
    """The running top k of one query and sign, and the running summary."""

    top_k: int
    positive: tuple[Hit, ...] = ()
    negative: tuple[Hit, ...] = ()
    summary: Summary | None = None

    def add(self, index: Tensor, layer: Float[Tensor, "sequence layer"]) -> None:
        """Take in the layer influences (float64) of some sequences."""
        scores = layer.sum(-1)
        part = Summary.of(as_numpy(scores))
        self.summary = part if self.summary is None else self.summary + part
        keep = min(self.top_k, len(scores))
        for sign, name in ((1, "positive"), (-1, "negative")):
            best = torch.topk(scores * sign, keep).indices
            fresh = [Hit(int(index[i]), float(scores[i]), layer[i].float()) for i in best]
            setattr(self, name, heaviest([*getattr(self, name), *fresh], self.top_k, sign))


def _scan_for_hits(
    model: LanguageModel,
    factors: Factors,
    prepared: PreparedQueries,
    sequences: Sequences,
    config: ScoreConfig,
    progress: ProgressCallback,
) -> Influences:
    assert config.top_k is not None
    running = [_Heaviest(config.top_k) for _ in range(len(prepared))]

    def consume(batch: Batch, terms: Float[Tensor, "query sequence layer one"]) -> None:
        layers = terms.sum(-1).double().cpu()
        for query, layer in zip(running, layers, strict=True):
            query.add(batch.index, layer)

    _scan(model, prepared, sequences, config, sequence_kernel, consume, "scanning", progress)
    found = Influences(
        model.layers,
        positive=tuple(query.positive for query in running),
        negative=tuple(query.negative for query in running),
        summary=tuple(query.summary for query in running if query.summary is not None),
    )
    if not config.per_token:
        return found
    return _with_exact_terms(model, factors, prepared, sequences, config, found, progress)


def rescore_hits(
    model: LanguageModel,
    factors: Factors,
    prepared: Queries,
    sequences: Mapping[int, Sequence],
    wanted: Series[Collection[int]],
    config: ScoreConfig = ScoreConfig(),
    progress: ProgressCallback | None = None,
) -> tuple[tuple[Hit, ...], ...]:
    """The exact terms of some sequences for each query, all queries in one pass over the sequences they name.

    wanted: for each query, indices of `sequences`; its hits come back in that order, `matrix` included.
    A sequence that several queries want is run once, and each query's terms are made for its own only.
    Always in float32 products; queries that were prepared in bfloat16 keep the rounding they have.
    """
    report, config = progress or silent, replace(config, precision="float32")
    ready = _ready(model, factors, prepared, config, report)
    places = sorted(set().union(*wanted))
    if not places:
        return tuple(() for _ in wanted)
    found: list[dict[int, Hit]] = [{} for _ in wanted]
    asking = [[query for query, some in enumerate(wanted) if index in some] for index in places]

    def consume(batch: Batch, captured: Captured) -> None:
        for query in sorted({query for row in batch.index.tolist() for query in asking[row]}):
            chosen = [at for at, row in enumerate(batch.index.tolist()) if query in asking[row]]
            one = {name: ready.modules[name].select([query]) for name in model.tracked}
            terms = _by_layer(model, batch, captured, partial(_chosen_terms, one, chosen))[0].cpu()
            for at, term in zip(chosen, terms, strict=True):
                index = places[int(batch.index[at])]
                found[query][index] = _hit(index, term[:, : int(batch.lengths[at])])

    texts = [sequences[index] for index in places]
    products = _products(config)
    run_pass(model, texts, config.batch_tokens, true_labels, consume, "rescoring", report, products=products)
    return tuple(tuple(hits[index] for index in some) for hits, some in zip(found, wanted, strict=True))


def _chosen_terms(
    query: Mapping[str, Preconditioned], chosen: list[int], name: str, gradients: Tensor, activations: Tensor
) -> Float[Tensor, "one sequence token"]:
    return token_kernel(gradients[chosen], activations[chosen], query[name])


def _hit(index: int, matrix: Float[Tensor, "layer token"]) -> Hit:
    """A hit whose layer and token terms and score are the sums of its matrix, taken in float64."""
    wide = matrix.double()
    return Hit(index, float(wide.sum()), wide.sum(1).float(), wide.sum(0).float(), matrix.float().clone())


def _with_exact_terms(
    model: LanguageModel,
    factors: Factors,
    prepared: PreparedQueries,
    sequences: Sequences,
    config: ScoreConfig,
    found: Influences,
    progress: ProgressCallback,
) -> Influences:
    """The same hits, ranked by exactly re-scored terms, with token influences and matrices."""
    wanted = [[hit.index for hit in (*found.positive[q], *found.negative[q])] for q in range(len(prepared))]
    texts = pick(sequences, set().union(*wanted))
    exact = rescore_hits(model, factors, prepared, texts, wanted, config, progress)
    return replace(
        found,
        positive=tuple(heaviest(hits, len(hits) or 1, 1) for hits in exact),
        negative=tuple(heaviest(hits, len(hits) or 1, -1) for hits in exact),
    )


def pick(sequences: Sequences, indices: Iterable[int]) -> dict[int, Sequence]:
    """Chosen sequences by index: looked up where the corpus can, else found in one pass."""
    wanted = set(indices)
    if isinstance(sequences, Series):
        return {index: sequences[index] for index in wanted}
    return {index: sequence for index, sequence in enumerate(sequences) if index in wanted}


def _ready(
    model: LanguageModel, factors: Factors, prepared: Queries, config: ScoreConfig, progress: ProgressCallback
) -> PreparedQueries:
    if not isinstance(prepared, PreparedQueries):
        prepared = prepare(model, factors, prepared, config, progress)
    factors.check(model)
    prepared.check(model)
    return prepared.placed(model, _products(config).dtype(model.dtype))


def _longest(sequences: Sequences) -> int:
    return max(len(sequence.ids) for sequence in sequences)
