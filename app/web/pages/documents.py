"""`/corpora/{name}/documents/{id}`: a document of a corpus, and the sequences of it that runs keep."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.services import surroundings
from app.services.errors import NotFound
from app.services.shapes import DocumentView
from app.web.around_view import elsewhere_row
from app.web.context import DocumentPage
from app.web.deps import DbSession, SettingsDep
from app.web.rendering import render
from app.web.views import address, document_url

router = APIRouter(prefix="/corpora/{corpus}/documents")
# A longer text is cut until somebody asks for all of it.
SHOWN = 20_000
TWIN = ".json"
Whole = Annotated[bool, Query()]


@router.get("/{document:path}")
def show_document(
    request: Request, corpus: str, document: str, session: DbSession, settings: SettingsDep, whole: Whole = False
) -> Response:
    """A document with its fields, its neighbours, and what is kept of it; its JSON where the address ends so."""
    home = settings.home.resolve()
    try:
        found = surroundings.of_document(session, home, corpus, document)
    except NotFound:
        # An id may end in .json itself, so that is looked for first.
        if not document.endswith(TWIN):
            raise
        twin = surroundings.of_document(session, home, corpus, document.removesuffix(TWIN))
        return Response(twin.model_dump_json(), media_type="application/json")
    return render(request, "document.html", _page(found, whole=whole))


def _page(found: DocumentView, *, whole: bool) -> DocumentPage:
    here = document_url(found.corpus, found.id)
    cut = len(found.text) > SHOWN and not whole
    return DocumentPage(
        document=found,
        text=found.text[:SHOWN] if cut else found.text,
        characters=len(found.text),
        whole=address(here, whole="true") if cut else None,
        previous=None if found.previous is None else document_url(found.corpus, found.previous),
        next=None if found.next is None else document_url(found.corpus, found.next),
        kept=tuple(elsewhere_row(place) for place in found.kept),
        corpus=document_url(found.corpus, "").removesuffix("/documents/"),
        json=f"{here}.json",
    )
