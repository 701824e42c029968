"""Documents of a corpus, and what stands around a kept sequence."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.services import surroundings
from app.services.shapes import DocumentView, Surroundings
from app.web.api.runs import SequenceId
from app.web.deps import DbSession, SettingsDep
from app.web.problems import CONFLICT, NOT_FOUND

router = APIRouter(tags=["documents"])
DocumentId = Annotated[str, Path(description="the document's id, which may hold slashes")]


@router.get("/corpora/{corpus}/documents/{document:path}", responses=NOT_FOUND | CONFLICT)
def get_document(corpus: str, document: DocumentId, session: DbSession, settings: SettingsDep) -> DocumentView:
    """A document whole, and the sequences of it that any run keeps."""
    return surroundings.of_document(session, settings.home.resolve(), corpus, document)


@router.get("/runs/{run_id}/influences/{sequence_id}/surroundings", responses=NOT_FOUND)
def get_surroundings(run_id: str, sequence_id: SequenceId, session: DbSession, settings: SettingsDep) -> Surroundings:
    """The sequences before and after a kept one in each of its documents, and the other queries' lists that hold it."""
    return surroundings.of_sequence(session, settings.home.resolve(), run_id, sequence_id)
