"""One corpus with everything known about it: every way it is cut, and what was asked of it."""

from dataclasses import asdict
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Corpus, Model, Query, TokenizedCorpus
from app.services import catalog, corpora, cursors, model_details
from app.services import documents as stored
from app.services.errors import InvalidInput
from app.services.shapes import CorpusDetail, CutView, DocumentHeadView, DocumentList

LIST = "documents"


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
    session: Session,
    home: Path,
    name: str,
    *,
    cursor: str | None = None,
    offset: int = 0,
    limit: int = 50,
    find: str = "",
) -> DocumentList:
    """A page of its documents, behind `cursor` or after `offset` of them.

    Raises: NotFound; Conflict where they cannot be read on this machine; InvalidInput for both of the two, and for a
    cursor of another corpus or of another `find`.
    """
    if cursor is not None and offset:
        raise InvalidInput("Both a cursor and an offset are given.", "Leave one of them out.", "cursor")
    corpus = stored.of_corpus(session, home, name)
    choices = [name, corpus.begins_with, find]
    after = stored.START if cursor is None else max(cursors.decode(LIST, choices, cursor, (int,))[0], stored.START)
    found = corpus.page(after, offset, limit, find)
    rows = [DocumentHeadView.model_validate(asdict(one)) for one in found.rows]
    more = rows and found.offset + len(rows) < found.total
    return DocumentList(
        rows=rows,
        offset=found.offset,
        limit=limit,
        total=found.total,
        previous=None if found.before is None else cursors.encode(LIST, choices, [found.before]),
        next=cursors.encode(LIST, choices, [rows[-1].number]) if more else None,
    )
