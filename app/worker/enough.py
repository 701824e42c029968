"""Whether a model's factors were fitted on enough sequences: how rankings move between half and all of them."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.models import Query
from app.services import question, registry
from app.services.errors import InvalidInput
from app.services.preview import obstacle
from app.services.run_settings import RunSettings
from app.settings import Settings
from app.worker import translate
from app.worker.loaded import Loaded
from app.worker.preparing import Preparation
from app.worker.sample import fitting_sample
from engine import ConvergenceConfig, Progress, convergence

MOST_QUERIES = 20

Tell = Callable[[str], None]


def convergence_of(
    settings: Settings,
    sessions: sessionmaker[Session],
    name: str,
    corpus: str | None,
    top: int,
    tell: Tell,
) -> dict[str, Any]:
    """The comparison as plain data, over the queries that were asked of the corpus, curated ones first.

    `tell` hears the name of each stage. The factors are fitted first if they are not there; beyond that it takes half
    a fit and one pass of the corpus.

    Raises: NotFound, InvalidInput (no corpus, no query), EngineError.
    """
    chosen = RunSettings()

    def report(progress: Progress) -> None:
        tell(progress.stage)

    with sessions() as session:
        over = registry.corpus_for(session, name, corpus)
        asked = _queries(session, over)
    ready = Preparation(settings, sessions, Loaded(settings), "convergence").ready(name, over, chosen, report)
    damping = translate.score_config(chosen, settings, top).damping
    config = ConvergenceConfig(top=top, damping=damping)
    asked = [query for query in asked if obstacle(ready.row, question.of_row(query), question.against(query)) is None]
    if not asked:
        raise InvalidInput(
            f"The model {name!r} can read none of the queries that were asked of the corpus {over!r}.",
            "Ask it something first: `influence query` says what stands in the way.",
            "corpus",
        )
    texts = [translate.query(query, ready.row) for query in asked]
    fitted_on = fitting_sample(ready.sequences, ready.fitted.sequences or len(ready.sequences))
    found = convergence(ready.model, ready.factors, texts, ready.sequences, fitted_on, config, report)
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
