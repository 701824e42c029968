"""Whether a model's factors were fitted on enough sequences: how rankings move between half and all of them."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.models import Query
from app.services import registry
from app.services.errors import InvalidInput
from app.services.run_settings import RunSettings
from app.settings import Settings
from app.worker import translate
from app.worker.loaded import Loaded
from app.worker.preparing import Preparation
from app.worker.progress import Report
from engine import ConvergenceConfig, convergence

MOST_QUERIES = 20


def convergence_of(
    settings: Settings, sessions: sessionmaker[Session], name: str, corpus: str | None, top: int, report: Report
) -> dict[str, Any]:
    """The comparison as plain data, over the queries that were asked of the corpus, curated ones first.

    The factors are fitted first if they are not there; beyond that it takes half a fit and one pass of the corpus.

    Raises: NotFound, InvalidInput (no corpus, no query), EngineError.
    """
    chosen = RunSettings()
    with sessions() as session:
        over = registry.corpus_for(session, name, corpus)
        asked = _queries(session, over)
    ready = Preparation(settings, sessions, Loaded(settings), "convergence").ready(name, over, chosen, report)
    damping = translate.score_config(chosen, settings, top).damping
    config = ConvergenceConfig(top=top, damping=damping)
    texts = [translate.query(query) for query in asked]
    found = convergence(ready.model, ready.factors, texts, ready.sequences, ready.sequences, config, report)
    return {
        "model": name,
        "corpus": over,
        "factors": ready.factors.fingerprint,
        **{field: getattr(found, field) for field in ("half", "whole", "scored", "top")},
        "queries": [
            {"id": query.id, "prompt": query.prompt, "completion": query.completion, **asdict(one)}
            for query, one in zip(asked, found.queries, strict=True)
        ],
    }


def _queries(session: Session, corpus: str) -> list[Query]:
    chosen = select(Query).where(Query.corpus == corpus).order_by(Query.curated.desc(), Query.created_at, Query.id)
    found = list(session.scalars(chosen.limit(MOST_QUERIES)))
    if not found:
        raise InvalidInput(
            f"Nothing was asked of the corpus {corpus!r} yet, so there is no ranking to compare.",
            "Ask something first: `influence query --model ... --corpus ... --prompt ... --completion ...`.",
            "corpus",
        )
    return found
