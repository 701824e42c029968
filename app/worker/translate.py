"""Rows <-> engine terms: the one place where both vocabularies meet."""

from collections.abc import Sequence as Series
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
from numpy.typing import NDArray

import app.models as rows
from app.services.record import KeptSequence
from app.services.run_settings import RunSettings
from app.services.tokenizing import join, read
from app.settings import Settings
from app.worker.documents import Documents
from app.worker.tokens import TokenSequences
from engine import FactorConfig, Hit, IndexConfig, Query, RelativeDamping, ScoreConfig, Summary

QUANTILES = ("0.0001", "0.001", "0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99", "0.999", "0.9999")
PACKAGES = ("influence-explorer", "torch", "transformers", "tokenizers", "datasets", "numpy", "dbos")


def query(row: rows.Query) -> Query:
    """What the engine is asked."""
    return Query(prompt=row.prompt, completion=row.completion)


def query_ids(row: rows.Query, tokenizer_json: str) -> list[int]:
    """The query's tokens as the corpus is searched for them: without a beginning-of-sequence token."""
    return read(tokenizer_json, join(row.prompt, row.completion), None).ids


def factor_config(chosen: RunSettings, settings: Settings) -> FactorConfig:
    """How factors are fitted."""
    return FactorConfig(labels=chosen.labels, seed=chosen.seed, batch_tokens=settings.batch_tokens)


def score_config(chosen: RunSettings, settings: Settings, keep: int) -> ScoreConfig:
    """How a corpus is scanned: sums only, since the hits are scored again for their terms."""
    return ScoreConfig(
        damping=RelativeDamping(chosen.relative_damping),
        rank=None,
        per_token=False,
        top_k=keep,
        batch_tokens=settings.batch_tokens,
    )


def index_config(chosen: RunSettings, settings: Settings) -> IndexConfig:
    """How a gradient index is made; what it packs away is the engine's choice."""
    return IndexConfig(damping=RelativeDamping(chosen.relative_damping), batch_tokens=settings.batch_tokens)


def summary(found: Summary) -> dict[str, Any]:
    """The distribution of the scores as it is stored, in nats per unit of epsilon; empty end bins are left out."""
    from engine.maths.summary import EDGES

    filled = np.flatnonzero(found.counts)
    first, last = int(filled[0]), int(filled[-1])
    return {
        "sequences": found.sequences,
        "mean": found.mean,
        "standard_deviation": found.standard_deviation,
        "minimum": found.minimum,
        "maximum": found.maximum,
        "quantiles": {name: found.quantile(float(name)) for name in QUANTILES},
        "top_percent_share_positive": found.top_share(0.01, "positive"),
        "top_percent_share_negative": found.top_share(0.01, "negative"),
        "histogram": {
            "edges": EDGES[first : last + 2].tolist(),
            "counts": found.counts[first : last + 1].tolist(),
        },
    }


class Texts:
    """Sequences as a person reads them: the stretch of text behind each, and which characters each token shows."""

    def __init__(
        self, documents: Documents, sequences: TokenSequences, tokenizer_json: str, begins_with: int | None
    ) -> None:
        self._documents = documents
        self._sequences = sequences
        self._tokenizer_json = tokenizer_json
        self._begins_with = begins_with

    def kept(self, hit: Hit) -> KeptSequence:
        """A hit with its text, ready to be stored."""
        ids = self._sequences[hit.index].ids
        number, start = self._sequences.place(hit.index)
        document = self._documents[number]
        text, offsets = self._stretch(document.text, start, len(ids))
        return KeptSequence(
            sequence_id=hit.index,
            influence=hit.score,
            document=document.id,
            kind=document.kind,
            source=document.source,
            text=text,
            token_ids=np.asarray(ids, dtype=np.int32),
            offsets=offsets,
            token=numbers(hit.token),
            layer=numbers(hit.layer),
            matrix=numbers(hit.matrix),
        )

    def glimpse(self, sequence_id: int) -> tuple[str, str]:
        """The document's id and the beginning of the sequence's text."""
        number, start = self._sequences.place(sequence_id)
        document = self._documents[number]
        text = document.text if start == 0 else self._stretch(document.text, start, 64)[0]
        return document.id, text[:160]

    def _stretch(self, text: str, start: int, length: int) -> tuple[str, NDArray[np.int32]]:
        lead = 0 if self._begins_with is None else 1
        offsets = read(self._tokenizer_json, text, None).offsets[start : start + length - lead]
        first, last = offsets[0][0], offsets[-1][1]
        shown = [(0, 0)] * lead + [(begin - first, end - first) for begin, end in offsets]
        return text[first:last], np.asarray(shown, dtype=np.int32)


def numbers(tensor: Any) -> NDArray[np.float32]:
    """A tensor of the engine as numpy."""
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float32)


def versions() -> dict[str, str]:
    """The versions that made a run."""
    return {"python": python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "from a checkout"


def texts(home: Path, corpus: rows.Corpus, cut: rows.TokenizedCorpus, model: rows.Model) -> Texts:
    """The readable side of a tokenised corpus."""
    return Texts(
        Documents(home / (corpus.path or "")),
        TokenSequences.read(home / cut.path),
        model.tokenizer_json or "",
        model.begins_with,
    )


def ranked(hits: Series[Hit], sign: int, keep: int) -> list[Hit]:
    """The heaviest hits of one sign by their exact scores; equal ones in the corpus's order."""
    signed = [hit for hit in hits if hit.score * sign > 0]
    return sorted(signed, key=lambda hit: (-hit.score * sign, hit.index))[:keep]
