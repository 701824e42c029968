"""Lists of candidates: texts that queries score in place of a corpus."""

from fastapi import APIRouter

from app.services import candidates
from app.services.shapes import CandidateTexts
from app.web.deps import DbSession
from app.web.problems import NOT_FOUND

router = APIRouter(tags=["candidates"])


@router.get("/candidate-lists/{list_id}", responses=NOT_FOUND)
def get_candidate_list(list_id: str, session: DbSession) -> CandidateTexts:
    """A list of candidates with its texts in their order; `candidates.id` of a query names its list."""
    return candidates.texts(session, list_id)
