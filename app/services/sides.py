"""Which other runs could stand in a run's place in a comparison: of the same question, or of the same model."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.models import Query, Run
from app.services import question, views
from app.services.run_settings import RunSettings
from app.services.shapes import Asked, RunChoices

# A select with more is no choice any more; `/compare` without runs lists the others.
MOST = 40


@dataclass(frozen=True)
class Side:
    """A done run as a choice: what it asked, of which model, how."""

    run: str
    model: str
    settings: RunChoices
    scope: str
    log_p: float | None
    asked: Asked


@dataclass(frozen=True)
class Sides:
    """The done runs that can be compared with a run: of its question, and of other questions put to its model."""

    same_question: tuple[Side, ...]
    same_model: tuple[Side, ...]


def sides(session: Session, run_id: str) -> Sides:
    """The done runs over the same corpus or candidates as this one; its own is among those of its question."""
    run = session.get_one(Run, run_id)
    query = session.get_one(Query, run.query_id)
    comparable = _done().where(Query.corpus == query.corpus, Query.candidates.is_not_distinct_from(query.candidates))
    alike = comparable.where(Query.prompt == query.prompt).order_by(Run.created_at, Run.id)
    others = comparable.where(Run.model == run.model, Query.id != query.id)
    newest = others.order_by(Query.curated.desc(), Query.created_at.desc(), Query.id, Run.created_at).limit(MOST)
    found = [row for row in session.execute(alike) if question.alike(row[-1], query)]
    known = {row[0] for row in found}
    return Sides(
        same_question=tuple(_side(row) for row in found),
        same_model=tuple(_side(row) for row in session.execute(newest) if row[0] not in known),
    )


def _done() -> Select[Any]:
    # Not whole runs: their summaries would weigh more than the page.
    return (
        select(Run.id, Run.model, Run.settings, Run.log_p, Query)
        .join(Query, Query.id == Run.query_id)
        .where(Run.state == "done")
    )


def _side(row: Any) -> Side:
    run, model, settings, log_p, query = row
    asked = Asked.model_validate(views.asked(query))
    return Side(run, model, RunSettings.model_validate(settings).choices, query.scope, log_p, asked)
