"""Rankings of documents for many queries at once, without storing anything: for studies and their figures."""

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Series
from dataclasses import dataclass

from app.services.run_settings import RunSettings
from app.worker.documents import Documents
from app.worker.preparing import Preparation, Ready
from app.worker.progress import Report
from app.worker.translate import score_config
from engine import Hit, Query, prepare, score

_FLOAT_BYTES = 4
_GIGABYTE = 1e9


@dataclass(frozen=True)
class Ranking:
    """Document ids by influence on one query, the heaviest first; a document cut in pieces counts once."""

    documents: list[str]
    log_p: float


def rank(
    preparation: Preparation,
    model: str,
    corpus: str,
    asked: Series[tuple[str, str]],
    keep: int,
    report: Report,
) -> list[Ranking]:
    """The `keep` sequences of most positive influence on each (prompt, completion), as documents."""
    ready = preparation.ready(model, corpus, RunSettings(), report)
    documents = Documents.of(preparation.home, ready.corpus)
    size = _batch(preparation, ready)
    found: list[Ranking] = []
    for start in range(0, len(asked), size):
        found += _some(preparation, ready, documents, asked[start : start + size], keep, report)
    return found


def _batch(preparation: Preparation, ready: Ready) -> int:
    parameters = ready.row.non_embedding_parameters or 1
    return max(1, int(preparation.settings.scan_memory_gb * _GIGABYTE / (_FLOAT_BYTES * parameters)))


def _some(
    preparation: Preparation,
    ready: Ready,
    documents: Documents,
    asked: Series[tuple[str, str]],
    keep: int,
    report: Report,
) -> list[Ranking]:
    config = score_config(RunSettings(), preparation.settings, keep)
    queries = [Query(prompt=prompt, completion=completion) for prompt, completion in asked]
    prepared = prepare(ready.model, ready.factors, queries, config, report)
    found = score(ready.model, ready.factors, prepared, ready.sequences, config, report)
    return [
        Ranking(list(dict.fromkeys(_ids(documents, ready, hits))), log_p)
        for hits, log_p in zip(found.positive, prepared.log_p, strict=True)
    ]


def _ids(documents: Documents, ready: Ready, hits: Iterable[Hit]) -> Iterator[str]:
    """The documents that the hits were cut from, in the hits' order."""
    for hit in hits:
        for one in ready.sequences.held(hit.index, 0):
            yield documents[one.document].id
