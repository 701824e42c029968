"""Whether a run is still what it would be made of now: its corpus may have grown, its factors been fitted anew."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import FactorSet, Query, Run, TokenizedCorpus
from app.services import corpora


def corpus_grown(session: Session, query: Query, run: Run) -> bool:
    """Whether documents were put into the corpus since the run was answered."""
    return corpora.grown(session, query, run)


def factors_refitted(session: Session, query: Query, run: Run) -> bool:
    """Whether the model has factors on the corpus, and none of them are those that the run was made with."""
    if run.factors_fingerprint is None:
        return False
    fitted = set(
        session.scalars(
            select(FactorSet.fingerprint)
            .join(TokenizedCorpus, TokenizedCorpus.id == FactorSet.tokenized)
            .where(FactorSet.model == run.model, TokenizedCorpus.corpus == query.corpus)
        )
    )
    return bool(fitted) and run.factors_fingerprint not in fitted


def stale(session: Session, query: Query, run: Run) -> bool:
    """Whether a run that is done would be answered otherwise now."""
    return run.state == "done" and (corpus_grown(session, query, run) or factors_refitted(session, query, run))
