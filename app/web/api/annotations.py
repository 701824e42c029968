"""Labels and notes on queries and on sequences of a run."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.services import annotations
from app.services.annotations import Subject
from app.services.shapes import AnnotatedList, Annotation, AnnotationForm
from app.web.api.paging import Cursor, linked_on
from app.web.api.runs import SequenceId
from app.web.deps import DbSession
from app.web.problems import INVALID, NOT_FOUND

router = APIRouter(tags=["annotations"])


@router.get("/annotations", responses=INVALID)
def list_annotations(
    session: DbSession,
    request: Request,
    response: Response,
    query: Annotated[str | None, Query(description="only those of this query and of its runs' sequences")] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200, description="how many at most")] = 50,
) -> AnnotatedList:
    """Labels and notes, the latest first."""
    found = annotations.recent(session, query=query, cursor=cursor, limit=limit)
    linked_on(request, response, found.next)
    return found


@router.put("/queries/{query_id}/annotation", responses=NOT_FOUND | INVALID)
def annotate_query(query_id: str, form: AnnotationForm, session: DbSession) -> Annotation:
    """Writes the label and the note of a query, in place of those that it has."""
    return annotations.put(session, Subject(query_id), form)


@router.delete("/queries/{query_id}/annotation", status_code=204, responses=NOT_FOUND)
def clear_query_annotation(query_id: str, session: DbSession) -> None:
    """Takes the label and the note of a query away."""
    annotations.delete(session, Subject(query_id))


@router.put("/runs/{run_id}/influences/{sequence_id}/annotation", responses=NOT_FOUND | INVALID)
def annotate_sequence(run_id: str, sequence_id: SequenceId, form: AnnotationForm, session: DbSession) -> Annotation:
    """Writes the label and the note of a sequence of a run, in place of those that it has."""
    return annotations.put(session, annotations.of_run(session, run_id, sequence_id), form)


@router.delete("/runs/{run_id}/influences/{sequence_id}/annotation", status_code=204, responses=NOT_FOUND)
def clear_sequence_annotation(run_id: str, sequence_id: SequenceId, session: DbSession) -> None:
    """Takes the label and the note of a sequence of a run away."""
    annotations.delete(session, annotations.of_run(session, run_id, sequence_id))
