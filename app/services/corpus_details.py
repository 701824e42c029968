"""One corpus with everything known about it: every way it is cut, and what was asked of it."""

from dataclasses import asdict
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Corpus, Model, Query, TokenizedCorpus
from app.services import catalog, corpora, model_details
from app.services import documents as stored
from app.services.shapes import CorpusDetail, CutView, DocumentHeadView, DocumentList


def get(session: Session, name: str) -> CorpusDetail:
    """A corpus, or NotFound."""
    view = catalog.corpus(session, name)
    corpus = session.get_one(Corpus, name)
    asked = select(func.count()).select_from(Query).where(Query.corpus == name)
    trained = select(Model.name).where(Model.corpus == name).order_by(Model.created_at, Model.name)
    return CorpusDetail.model_validate(
        {
            **dict(view),
            "added_at": corpus.created_at,
            "cuts": cuts(session, corpus),
            "models": list(session.scalars(trained)),
            "queries": session.scalar(asked) or 0,
            "recent": model_details.recent(session, Query.corpus == name),
        }
    )


def cuts(session: Session, corpus: Corpus) -> list[CutView]:
    """Every way in which tokenizers cut it, in the order they did."""
    chosen = select(TokenizedCorpus).where(TokenizedCorpus.corpus == corpus.name).order_by(TokenizedCorpus.id)
    return [_cut(session, corpus, row) for row in session.scalars(chosen)]


def _cut(session: Session, corpus: Corpus, row: TokenizedCorpus) -> CutView:
    reads = select(Model.name).where(Model.tokenizer_fingerprint == row.tokenizer_fingerprint)
    same = ("tokenizer_fingerprint", "length", "sequences", "tokens", "duplicates", "lexical_bytes", "fingerprint")
    return CutView.model_validate(
        {
            **{name: getattr(row, name) for name in same},
            "models": list(session.scalars(reads.order_by(Model.created_at, Model.name))),
            "behind": len(corpora.cut_parts(row)) < len(corpora.parts(corpus)),
            "cut_at": row.created_at,
        }
    )


def documents(
    session: Session, home: Path, name: str, offset: int = 0, limit: int = 50, find: str = ""
) -> DocumentList:
    """A page of its documents. Raises: NotFound, Conflict where they cannot be read on this machine."""
    found = stored.of_corpus(session, home, name).page(offset, limit, find)
    rows = [DocumentHeadView.model_validate(asdict(one)) for one in found.rows]
    return DocumentList(rows=rows, offset=offset, limit=limit, total=found.total)
