"""Scanning: influences of training sequences on prepared queries, all queries in one pass."""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as Series
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from engine.corpus.batches import Batch, Sequences, checked
from engine.errors import NumericalError
from engine.maths.influence import factored_token_influences, sequence_influences, token_influences
from engine.maths.summary import Summary
from engine.model.capture import Captured
from engine.model.language_model import LanguageModel
from engine.pipeline.influences import Hit, Influences, as_numpy, heaviest
from engine.pipeline.passes import run_pass, true_labels
from engine.pipeline.query import prepare
from engine.storage.factors import Factors
from engine.storage.prepared import Preconditioned, PreparedQueries, Whole
from engine.terms import ProgressCallback, Query, ScoreConfig, Sequence, silent

Queries = PreparedQueries | Series[Query]


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
    kernel = _token_kernel if config.per_token else _sequence_kernel
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
    """The exact terms of chosen sequences, with `matrix` [query, sequence, layer, token] as well."""
    report = progress or silent
    checked_sequences = checked(sequences)
    ready = _ready(model, factors, prepared, config, report)
    terms = _AllTerms(model, len(ready), len(checked_sequences), _longest(checked_sequences), with_matrix=True)
    _scan(model, ready, checked_sequences, config, _token_kernel, terms.add, "rescoring", report)
    return terms.influences(with_tokens=True)


Kernel = Callable[[Tensor, Tensor, Preconditioned], Tensor]
Consumer = Callable[[Batch, Tensor], None]


def _token_kernel(
    gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    query: Preconditioned,
) -> Float[Tensor, "query sequence token"]:
    if isinstance(query, Whole):
        return token_influences(gradients, activations, query.matrix)
    return factored_token_influences(gradients, activations, query.left, query.right)


def _sequence_kernel(
    gradients: Float[Tensor, "sequence token d_out"],
    activations: Float[Tensor, "sequence token d_in"],
    query: Preconditioned,
) -> Float[Tensor, "query sequence one"]:
    """As the token kernel, but summed over tokens (a last axis of length one): cheaper with many queries."""
    if isinstance(query, Whole):
        return sequence_influences(gradients, activations, query.matrix).unsqueeze(-1)
    return factored_token_influences(gradients, activations, query.left, query.right).sum(-1, keepdim=True)


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
    layer_index = {name: model.layers.index(model.layer_of[name]) for name in model.tracked}

    def add_modules(batch: Batch, captured: Captured) -> None:
        terms: list[Tensor | None] = [None] * len(model.layers)
        for name in model.tracked:
            term = kernel(captured.output_gradients[name], captured.activations[name], prepared.modules[name])
            at = layer_index[name]
            known = terms[at]
            terms[at] = term if known is None else known + term
        stacked = torch.stack([term for term in terms if term is not None], dim=2)
        if not bool(torch.isfinite(stacked.sum())):
            raise NumericalError(
                f"Influences of sequences {batch.index.tolist()[:4]}... hold NaN or infinity.",
                "Load the model in float32 (dtype='float32'), or raise the damping.",
            )
        consume(batch, stacked)

    run_pass(model, sequences, config.batch_tokens, true_labels, add_modules, stage, progress)


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

    _scan(model, prepared, sequences, config, _sequence_kernel, consume, "scanning", progress)
    found = Influences(
        model.layers,
        positive=tuple(query.positive for query in running),
        negative=tuple(query.negative for query in running),
        summary=tuple(query.summary for query in running if query.summary is not None),
    )
    if not config.per_token:
        return found
    return _with_exact_terms(model, factors, prepared, sequences, config, found, progress)


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
    positive, negative = [], []
    wanted = {hit.index for hits in (*found.positive, *found.negative) for hit in hits}
    texts = pick(sequences, wanted)
    for query in range(len(prepared)):
        hits = [*found.positive[query], *found.negative[query]]
        exact: list[Hit] = []
        if hits:
            chosen = [texts[hit.index] for hit in hits]
            terms = rescore(model, factors, prepared.select([query]), chosen, config, progress)
            exact = list(hits_with_terms(terms, [hit.index for hit in hits], [len(s.ids) for s in chosen]))
        positive.append(heaviest(exact, len(exact) or 1, 1))
        negative.append(heaviest(exact, len(exact) or 1, -1))
    return replace(found, positive=tuple(positive), negative=tuple(negative))


def hits_with_terms(terms: Influences, indices: Series[int], lengths: Series[int]) -> Iterator[Hit]:
    """Hits of the first query of a re-scoring: `indices` and `lengths` of its sequences, in order."""
    assert terms.sequence is not None
    assert terms.layer is not None
    assert terms.token is not None
    assert terms.matrix is not None
    for place, (index, length) in enumerate(zip(indices, lengths, strict=True)):
        yield Hit(
            index=index,
            score=float(terms.sequence[0, place]),
            layer=terms.layer[0, place],
            token=terms.token[0, place, :length],
            matrix=terms.matrix[0, place, :, :length],
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
        return prepare(model, factors, prepared, config, progress)
    factors.check(model)
    prepared.check(model)
    return prepared


def _longest(sequences: Sequences) -> int:
    return max(len(sequence.ids) for sequence in sequences)
