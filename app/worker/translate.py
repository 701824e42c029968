"""Rows <-> engine terms: the one place where both vocabularies meet."""

import json
from collections.abc import Sequence as Series
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import app.models as rows
from app.services import question
from app.services.record import KeptSequence
from app.services.run_settings import RunSettings
from app.services.tokenizing import read, read_typed
from app.settings import Settings
from app.worker.cutting import Held
from app.worker.documents import Document, Documents
from app.worker.tokens import Cut, TokenSequences
from engine import Contrast, FactorConfig, Hit, IndexConfig, Measurement, Query, RelativeDamping, ScoreConfig, Summary

QUANTILES = ("0.0001", "0.001", "0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99", "0.999", "0.9999")
PACKAGES = ("influence-explorer", "torch", "transformers", "tokenizers", "datasets", "numpy", "dbos")


def query(row: rows.Query, model: rows.Model) -> Measurement:
    """What the engine is asked: the tokens that the preview shows. Raises: as `question.as_tokens`."""
    asked, other = question.of_row(row), question.against(row)
    return _as_ids(asked, model) if other is None else Contrast(_as_ids(asked, model), _as_ids(other, model))


def _as_ids(asked: question.Question, model: rows.Model) -> Query:
    found = question.as_tokens(model, asked)
    return Query.from_ids(found.ids[: found.cut], found.ids[found.cut :], found.counted)


def query_ids(row: rows.Query, tokenizer_json: str) -> list[int]:
    """The query's words as the corpus is searched for them: without a beginning-of-sequence token or a template."""
    return read_typed(tokenizer_json, question.of_row(row).words, None).ids


def searched_ids(row: rows.Query, tokenizer_json: str) -> list[int]:
    """The same with the words of what the query is held against: their sequences count just as much."""
    other = read_typed(tokenizer_json, row.against, None).ids if row.against is not None else []
    return [*query_ids(row, tokenizer_json), *other]


def factor_config(chosen: RunSettings, settings: Settings) -> FactorConfig:
    """How factors are fitted."""
    return FactorConfig(labels=chosen.labels, seed=chosen.seed, batch_tokens=settings.batch_tokens)


def score_config(chosen: RunSettings, settings: Settings, keep: int) -> ScoreConfig:
    """How a corpus is scanned: sums only, since the hits are scored again for their terms."""
    return ScoreConfig(
        damping=RelativeDamping(chosen.relative_damping),
        rank=chosen.query_rank,
        per_token=False,
        top_k=keep,
        batch_tokens=settings.batch_tokens,
        precision=chosen.precision,
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


class Readable(Protocol):
    """What was scored, as a person reads it."""

    def kept(self, hit: Hit) -> KeptSequence:
        """A hit with its text, ready to be stored."""

    def glimpse(self, sequence_id: int) -> tuple[str, str]:
        """The document's id and the beginning of the sequence's text."""


# The engine shows no text for a separator between packed documents; a person sees where one ends.
SEPARATOR = "\n"


class Texts:
    """Sequences as a person reads them: the stretch of text behind each, and which characters each token shows."""

    def __init__(
        self, documents: Documents, sequences: TokenSequences, tokenizer_json: str, begins_with: int | None
    ) -> None:
        self._documents = documents
        self._sequences = sequences
        self._tokenizer_json = tokenizer_json
        self._lead = 0 if begins_with is None else 1

    def kept(self, hit: Hit) -> KeptSequence:
        """A hit with its text, ready to be stored, named after the document that carries most of its influence."""
        ids, token = self._sequences[hit.index].ids, numbers(hit.token)
        held = self._sequences.held(hit.index, self._lead)
        text, offsets, documents = self._composed(held, len(ids))
        shares = [float(token[one.first : one.first + one.count].sum()) for one in held]
        main = documents[max(range(len(held)), key=lambda i: shares[i] * (1 if hit.score > 0 else -1))]
        return KeptSequence(
            sequence_id=hit.index,
            influence=hit.score,
            document=main["document"],
            kind=main["kind"],
            source=main["source"],
            text=text,
            documents=tuple(documents),
            token_ids=np.asarray(ids, dtype=np.int32),
            offsets=np.asarray(offsets, dtype=np.int32),
            token=token,
            layer=numbers(hit.layer),
            matrix=numbers(hit.matrix),
        )

    def glimpse(self, sequence_id: int) -> tuple[str, str]:
        """The id of the first document and the beginning of its text in the sequence."""
        first = self._sequences.held(sequence_id, self._lead)[0]
        document = self._documents[first.document]
        text = document.text if first.start == 0 else self._stretch(document.text, first.start, 64)[0]
        return document.id, text[:160]

    def _composed(self, held: Series[Held], length: int) -> tuple[str, list[tuple[int, int]], list[dict[str, Any]]]:
        """The text of the documents one after another, which characters each token shows, and where each lies."""
        text, offsets, documents = "", [(0, 0)] * self._lead, []
        for one in held:
            text = _filled(text, offsets, one.first)
            document = self._documents[one.document]
            piece, spans, begins = self._stretch(document.text, one.start, one.count)
            offsets += [(len(text) + start, len(text) + stop) for start, stop in spans]
            documents.append(_held(document, len(text), len(text) + len(piece), begins))
            text += piece
        return _filled(text, offsets, length), offsets, documents

    def _stretch(self, text: str, start: int, count: int) -> tuple[str, list[tuple[int, int]], int]:
        """Of a document the text of `count` tokens, the characters of each, and where in the document it begins."""
        offsets = read(self._tokenizer_json, text, None).offsets[start : start + count]
        first, last = offsets[0][0], offsets[-1][1]
        return text[first:last], [(begin - first, end - first) for begin, end in offsets], first


def _filled(text: str, offsets: list[tuple[int, int]], position: int) -> str:
    """The text with a separator for every token up to the position that belongs to no document."""
    while len(offsets) < position:
        offsets.append((len(text), len(text) + len(SEPARATOR)))
        text += SEPARATOR
    return text


def _held(document: Document, start: int, stop: int, begins: int) -> dict[str, Any]:
    """A document as rows hold it (`shapes.HeldDocument`)."""
    return {
        "document": document.id,
        "kind": document.kind,
        "source": document.source,
        "start": start,
        "stop": stop,
        "begins": begins,
        "metadata": None if document.metadata is None else json.loads(document.metadata),
    }


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


def texts(home: Path, corpus: rows.Corpus, cut: Cut, model: rows.Model) -> Texts:
    """The readable side of a tokenised corpus."""
    return Texts(
        Documents.of(home, corpus),
        cut.opened(home),
        model.tokenizer_json or "",
        model.begins_with,
    )


def ranked(hits: Series[Hit], sign: int, keep: int) -> list[Hit]:
    """The heaviest hits of one sign by their exact scores; equal ones in the corpus's order."""
    signed = [hit for hit in hits if hit.score * sign > 0]
    return sorted(signed, key=lambda hit: (-hit.score * sign, hit.index))[:keep]
