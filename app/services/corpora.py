"""What the rows of corpora say: the parts they grew by, how they are read, and whether one has grown since."""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence as Series
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Corpus, Query, Run, StoredIndex, TokenizedCorpus
from app.services.identity import digest
from app.services.shapes import CorpusPart, Reading, Skipped

# A field with more values than this is no kind; the rest are counted together.
MOST_KINDS = 100
OTHER_KINDS = "other kinds"
MOST_SKIPPED = 20

Part = dict[str, Any]


def parts(corpus: Corpus) -> list[Part]:
    """The sources it was made of, in order, with the folder of each; none for a corpus that was not read yet.

    Rows of older versions name none: all they have is one.
    """
    if corpus.parts or corpus.path is None:
        return list(corpus.parts)
    moment = corpus.created_at.isoformat()
    known = {"path": corpus.path, "source": corpus.source, "documents": corpus.documents, "added_at": moment}
    return [{**known, "fingerprint": corpus.fingerprint or "", "skipped": 0}]


def views(corpus: Corpus) -> list[CorpusPart]:
    """The parts as pages and the API show them."""
    return [
        CorpusPart.model_validate({name: value for name, value in part.items() if name in CorpusPart.model_fields})
        for part in parts(corpus)
    ]


def reading(corpus: Corpus) -> Reading:
    """How it is read and cut into sequences."""
    return Reading.model_validate(corpus.reading)


def chained(fingerprints: Series[str]) -> str:
    """The fingerprint of documents that came in parts: that of the only one, or a digest of all in order."""
    return fingerprints[0] if len(fingerprints) == 1 else digest("parts", *fingerprints).hex()


def all_kinds(known: Mapping[str, int], further: Mapping[str, int]) -> dict[str, int]:
    """How many documents there are of each kind with the further ones; beyond `MOST_KINDS` they are not told apart."""
    counted = Counter(known)
    for kind, count in further.items():
        name = kind if kind in counted or len(counted) < MOST_KINDS else OTHER_KINDS
        counted[name] += count
    return dict(counted)


def all_skipped(known: Skipped, further: Skipped) -> Skipped:
    """The rows left out of two sources, with the first of them."""
    reasons = Counter(known.reasons) + Counter(further.reasons)
    first = [*known.first, *further.first][:MOST_SKIPPED]
    return Skipped(count=known.count + further.count, reasons=dict(reasons), first=first)


def cut_parts(cut: TokenizedCorpus) -> list[Part]:
    """The parts it was cut from, each with its folder and with what there was in all once it was cut.

    A row of an older version has one, of as many documents as its corpus had then, which nobody wrote down.
    """
    if cut.parts:
        return list(cut.parts)
    counted = {"documents": cut.documents, "sequences": cut.sequences, "tokens": cut.tokens}
    return [{**counted, "path": cut.path, "fingerprint": cut.fingerprint}]


def grown(session: Session, query: Query, run: Run) -> bool:
    """Whether documents were put into a run's corpus since it was answered."""
    if run.corpus_fingerprint is None or query.candidates is not None:
        return False
    corpus = session.get(Corpus, query.corpus)
    if corpus is None:
        return False
    covered = [
        number
        for cut in _cuts(session, query.corpus, run.tokenizer_fingerprint)
        for number, state in enumerate(cut_parts(cut), start=1)
        if state["fingerprint"] == run.corpus_fingerprint
    ]
    return bool(covered) and max(covered) < len(parts(corpus))


def behind(session: Session, index: StoredIndex, tokenizer_fingerprint: str | None) -> bool:
    """Whether a gradient index that is there lacks sequences that its corpus has by now."""
    corpus = session.get_one(Corpus, index.corpus)
    newest = next(iter(_cuts(session, index.corpus, tokenizer_fingerprint)), None)
    if newest is None or index.sequences is None:
        return False
    return len(cut_parts(newest)) < len(parts(corpus)) or index.sequences < newest.sequences


def _cuts(session: Session, corpus: str, tokenizer_fingerprint: str | None) -> list[TokenizedCorpus]:
    """The corpus as the tokenizer cuts it, the newest first: another length makes another."""
    chosen = select(TokenizedCorpus).where(
        TokenizedCorpus.corpus == corpus, TokenizedCorpus.tokenizer_fingerprint == tokenizer_fingerprint
    )
    return list(session.scalars(chosen.order_by(TokenizedCorpus.id.desc())))
