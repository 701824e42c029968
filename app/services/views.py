"""Rows turned into the shapes that pages, API and command line share."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from app.models import Query, Run
from app.services import annotations, candidates
from app.services.annotations import Subject
from app.services.run_settings import RunSettings
from app.services.shapes import Annotation, Problem, ProvisionalRow, QuerySummary, QueryView, RunView


def problem(happened: str | None, remedy: str | None) -> Problem | None:
    """A stored problem, if there is one."""
    return None if happened is None else Problem(problem=happened, remedy=remedy or "")


def queue_position(session: Session, run: Run) -> int | None:
    """The run's place in line, from 1; None when it does not wait. The gallery's runs stand at the end."""
    if run.state != "queued":
        return None
    mine = (run.query.curated, run.queued_at, run.id)
    line = tuple_(Query.curated, Run.queued_at, Run.id)
    waiting = select(func.count()).select_from(Run).join(Query).where(Run.state == "queued", line < mine)
    return 1 + (session.scalar(waiting) or 0)


def run_fields(session: Session, run: Run) -> dict[str, object]:
    """The fields every view of a run has."""
    return {
        "id": run.id,
        "model": run.model,
        "settings": RunSettings.model_validate(run.settings).choices,
        "state": run.state,
        "stage": run.stage,
        "done": run.done,
        "total": run.total,
        "queue_position": queue_position(session, run),
        "seconds_left": run.seconds_left if run.state == "running" else None,
        "log_p": run.log_p,
        "log_p_against": run.log_p_against,
        "error": problem(run.problem, run.remedy),
        "partial": [ProvisionalRow(**row) for row in run.partial] if run.state == "running" else [],
    }


def run_view(session: Session, run: Run) -> RunView:
    """A run as a query's page shows it."""
    return RunView.model_validate(run_fields(session, run))


def query_view(session: Session, query: Query) -> QueryView:
    """A query with all its runs."""
    return QueryView.model_validate(
        {
            **{name: getattr(query, name) for name in _QUERY_FIELDS},
            **asked(query),
            "candidates": candidates.view(session, query.candidates),
            "annotation": annotations.get(session, Subject(query.id)),
            "runs": [run_view(session, run) for run in query.runs],
        }
    )


_QUERY_FIELDS = ("id", "title", "note", "writing", "corpus", "scope", "keep", "created_at")
_MEASURED = ("prompt", "completion", "against", "counted", "writer")


def asked(query: Query) -> dict[str, Any]:
    """What is measured, as every view of a query tells it (`shapes.Asked`)."""
    told = [message["content"] for message in query.chat or () if message["role"] == "system"]
    chat = {"format": "text" if query.chat is None else "chat", "system": told[0] if told else None}
    return {**{name: getattr(query, name) for name in _MEASURED}, **chat}


def query_summaries(session: Session, queries: Sequence[Query]) -> list[QuerySummary]:
    """Queries as lists show them."""
    noted = annotations.of_subjects(session, [Subject(query.id) for query in queries])
    return [query_summary(query, noted.get(query.id)) for query in queries]


def query_summary(query: Query, noted: Annotation | None = None) -> QuerySummary:
    """A query as a list shows it, with the label and note that people put on it."""
    fields = ("id", "title", "note", "kind", "corpus", "scope", "created_at", "curated")
    states = {run.model: run.state for run in query.runs}
    return QuerySummary.model_validate(
        {**asked(query), **{name: getattr(query, name) for name in fields}, "states": states, "annotation": noted}
    )
