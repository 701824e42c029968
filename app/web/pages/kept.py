"""Forms that label and note a query or a sequence, as pages without a script send them."""

from typing import Annotated

from fastapi import APIRouter, Form, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.services import annotations
from app.services.annotations import Subject
from app.services.shapes import AnnotationForm
from app.web.deps import DbSession
from app.web.filled import newlines
from app.web.pages.sequence import SequenceId
from app.web.subjects import safe_back
from app.web.views import query_path, sequence_url

router = APIRouter(prefix="/queries/{query_id}")
Label = Annotated[str, Form(max_length=80)]
Note = Annotated[str, Form(max_length=10_000)]
Back = Annotated[str, Form(max_length=4_000)]


@router.post("/annotation")
def annotate_query(query_id: str, session: DbSession, label: Label = "", note: Note = "", back: Back = "") -> Response:
    """Writes the label and the note of a query, or takes them away where both are empty."""
    _write(session, Subject(query_id), label, note)
    return RedirectResponse(safe_back(back, query_path(query_id)), status_code=303)


@router.post("/sequences/{sequence_id}/annotation")
def annotate_sequence(
    query_id: str,
    sequence_id: SequenceId,
    session: DbSession,
    run: str,
    label: Label = "",
    note: Note = "",
    back: Back = "",
) -> Response:
    """Writes the label and the note of a sequence, or takes them away where both are empty."""
    _write(session, Subject(query_id, run, sequence_id), label, note)
    return RedirectResponse(safe_back(back, sequence_url(query_id, sequence_id, run)), status_code=303)


def _write(session: Session, subject: Subject, label: str, note: str) -> None:
    if label.strip() or note.strip():
        annotations.put(session, subject, AnnotationForm(label=label, note=newlines(note)))
    else:
        annotations.delete(session, subject)
