"""The indexed scope: a gradient index made by one pass, in which a query finds its candidates in seconds."""

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Series
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import torch

from engine.corpus.batches import Sequences, checked
from engine.corpus.encoding import as_ids
from engine.corpus.fingerprint import sequences_fingerprint
from engine.errors import CorpusError, FactorsError
from engine.model.language_model import LanguageModel
from engine.pipeline.index_pass import HEAVIEST, IndexPass, ShardContents
from engine.pipeline.index_search import Candidates, search
from engine.pipeline.whitened import Whitening
from engine.storage.factors import Factors
from engine.storage.gradient_index import (
    MANIFEST,
    SHARDS,
    GradientIndex,
    IndexManifest,
    Recall,
    checked_header,
    finished_shards,
)
from engine.storage.gradient_shard import Shard, ShardHeader, shards_present, tidy, write_shard
from engine.terms import IndexConfig, Measurement, Progress, ProgressCallback, Sequence, silent

__all__ = ["Candidates", "build_index", "search"]

# Recall is how many of a probe's exact heaviest lie among the first so many candidates.
FIRST = 50
_OTHER_CORPUS = "Give the corpus the index was built for, longer if need be, or build another index in another folder."


def build_index(
    model: LanguageModel,
    factors: Factors,
    sequences: Iterable[Sequence],
    folder: str | Path,
    config: IndexConfig = IndexConfig(),
    probes: Series[Measurement] = (),
    progress: ProgressCallback | None = None,
) -> GradientIndex:
    """Build a gradient index in `folder`, or go on with the one there: after an interruption, or for a longer corpus.

    One pass over the sequences that the index does not hold yet (and, with a byte budget, over a sample of at most
    256 before the first). Shards are written whole and never again touched; memory is that of one shard. Only one
    process may build in a folder at a time.

    probes: queries that are scored exactly in the same pass, and on which the recall of the index is then measured.
        They belong to the index: when it is gone on with, those it was begun with are used and these are ignored.
    progress: called with the stages "sampling" and "indexing"; an exception raised in it ends the building, and the
        next call goes on after the last whole shard. A shard that was deleted is made again.

    Raises: CorpusError (a corpus whose beginning is not what the index holds), FactorsError (an index of other
        factors or other choices, or a damaged one), QueryError, NumericalError.
    """
    report, corpus, folder = progress or silent, checked(sequences), Path(folder)
    whitening = Whitening(model, factors, config.damping)
    if not (folder / MANIFEST).exists():
        begun = _begun(model, factors, whitening, corpus, config, probes, report)
        (folder / SHARDS).mkdir(parents=True, exist_ok=True)
        begun.write(folder)
    manifest = IndexManifest.read(folder)
    manifest.check(model, factors)
    _require_same(manifest.config, config, folder)
    tidy(folder / SHARDS)
    _Growth(model, whitening, folder, manifest, config).run(corpus, report)
    if len(corpus) != manifest.sequences:
        _with_recall(model, factors, folder, replace(manifest, sequences=len(corpus))).write(folder)
    return GradientIndex.open(folder)


def _begun(
    model: LanguageModel,
    factors: Factors,
    whitening: Whitening,
    corpus: Sequences,
    config: IndexConfig,
    probes: Series[Measurement],
    progress: ProgressCallback,
) -> IndexManifest:
    """The manifest of an index that holds no sequence yet."""
    encoded = tuple(as_ids(model, probe) for probe in probes)
    return IndexManifest(
        config=config,
        model_fingerprint=model.fingerprint,
        factors_fingerprint=factors.fingerprint,
        modules={name: model.dimensions(name) for name in model.tracked},
        density=IndexPass(model, whitening, config, {}).density(corpus, progress),
        probes=encoded,
    )


class _Growth:
    """Shards for every sequence of a corpus, one after another: those there are agree with it, the others are made."""

    def __init__(
        self, model: LanguageModel, whitening: Whitening, folder: Path, manifest: IndexManifest, config: IndexConfig
    ) -> None:
        self._model, self._whitening, self._config = model, whitening, config
        self._folder, self._manifest = folder, manifest

    def run(self, corpus: Sequences, progress: ProgressCallback) -> None:
        """Go through the corpus once. Raises: CorpusError when it does not begin with what the index holds."""
        stream, present = iter(corpus), shards_present(self._folder / SHARDS)
        done, fingerprint, total = 0, "", len(corpus)
        held = max(self._manifest.sequences, *present, 0)
        if total < held:
            raise CorpusError(f"The index holds {held} sequences or more, the corpus only {total}.", _OTHER_CORPUS)
        while done < total:
            if done in present:
                header = self._agreeing(done, fingerprint, stream)
            else:
                ahead = [first for first in present if first > done]
                end = min([done + self._config.shard_sequences, total, *ahead])
                header = self._made(_taken(stream, end - done, done), done, fingerprint, total, progress)
            done, fingerprint = header.end, header.after

    def _agreeing(self, first: int, fingerprint: str, stream: Iterator[Sequence]) -> ShardHeader:
        """The header of a shard, once the next sequences of the stream are found to be those it was made of."""
        header = checked_header(self._folder, self._manifest, first)
        if sequences_fingerprint(islice(stream, header.sequences), fingerprint) != header.after:
            raise CorpusError(
                f"Of the corpus, sequences {first} to {header.end - 1} are not those in the index.", _OTHER_CORPUS
            )
        return header

    def _made(
        self, part: list[Sequence], first: int, fingerprint: str, total: int, progress: ProgressCallback
    ) -> ShardHeader:
        """Make the shard of some sequences."""
        header = ShardHeader(
            self._manifest.identity, first, len(part), fingerprint, sequences_fingerprint(part, fingerprint)
        )
        contents = ShardContents(self._source, len(part), self._manifest.density)
        self._source.run(part, contents.add, "indexing", _shifted(progress, first, total))
        write_shard(self._folder / SHARDS, Shard(header, contents.modules(), contents.probe_hits(first)))
        return header

    @cached_property
    def _source(self) -> IndexPass:
        probes = self._manifest.probes
        return IndexPass(
            self._model, self._whitening, self._config, self._whitening.queries(probes, silent) if probes else {}
        )


def _taken(stream: Iterator[Sequence], count: int, done: int) -> list[Sequence]:
    part = list(islice(stream, count))
    if len(part) < count:
        raise CorpusError(
            f"The corpus ended after {done + len(part)} sequences, before its length.",
            "Give an object whose __len__ is the number of sequences that it gives.",
        )
    return part


def _require_same(built: IndexConfig, asked: IndexConfig, folder: Path) -> None:
    for name in ("damping", "keep", "bits"):
        there, wanted = getattr(built, name), getattr(asked, name)
        if there != wanted:
            raise FactorsError(
                f"The index in {folder} was built with {name}={there}, not {wanted}.",
                "Ask for the same, or build another index in another folder.",
            )


def _with_recall(model: LanguageModel, factors: Factors, folder: Path, manifest: IndexManifest) -> IndexManifest:
    """The manifest with the recall of its index on its probes."""
    if not manifest.probes:
        return manifest
    index = GradientIndex(folder, manifest, tuple(finished_shards(folder, manifest)))
    found = search(model, factors, index, manifest.probes, FIRST)
    return replace(
        manifest,
        recall=_recall(_exact_heaviest(index, 0), [candidates.positive for candidates in found]),
        negative_recall=_recall(_exact_heaviest(index, 1), [candidates.negative for candidates in found]),
    )


def _exact_heaviest(index: GradientIndex, sign: int) -> list[set[int]]:
    """For each probe the exactly heaviest sequences of all shards; `sign` is 0 for positive, 1 for negative ones."""
    hits = [shard.probes for shard in index.read()]
    indices = torch.cat([each.index[:, sign] for each in hits], dim=1)
    scores = torch.cat([each.score[:, sign] for each in hits], dim=1)
    order = scores.argsort(dim=1, descending=True, stable=True)[:, :HEAVIEST]
    return [{place for place in row if place >= 0} for row in indices.gather(1, order).tolist()]


def _recall(exact: list[set[int]], found: list[tuple[int, ...]]) -> Recall | None:
    """Over the probes that have any sequence of the sign; None when none has."""
    shares = [len(wanted & set(named)) / len(wanted) for wanted, named in zip(exact, found, strict=True) if wanted]
    if not shares:
        return None
    return Recall(len(shares), HEAVIEST, FIRST, sum(shares) / len(shares), min(shares))


def _shifted(progress: ProgressCallback, done: int, total: int) -> ProgressCallback:
    return lambda step: progress(Progress(step.stage, done + step.done, total))
