"""`/collections`: queries and sequences put together, each with its notes, in an order of one's own."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse

from app.services import collections, units
from app.services.errors import InvalidInput
from app.services.shapes import CollectionForm, CollectionItem, CollectionList, CollectionView, ItemChange, ItemForm
from app.web.context import CollectionFile, CollectionPage, CollectionsPage, FormError, ItemView
from app.web.deps import DbSession
from app.web.filled import newlines
from app.web.rendering import render
from app.web.standalone import css, html_file, origin
from app.web.subjects import safe_back
from app.web.views import address

router = APIRouter(prefix="/collections")
PAGE = 50
LONGEST_NAME = 120
Text = Annotated[str, Form(max_length=10_000)]
Cursor = Annotated[str | None, Query(max_length=1_000)]
ItemId = Annotated[int, Path(ge=1, le=2**31 - 1)]


def page_of(collection: CollectionView, error: FormError | None = None) -> CollectionPage:
    """The page of a collection."""
    return CollectionPage(
        collection,
        tuple(map(_item, collection.contents)),
        json=f"/collections/{collection.id}.json",
        html=f"/collections/{collection.id}.html",
        error=error,
    )


def _item(item: CollectionItem) -> ItemView:
    """An item in nats per added copy where N is known, else raw."""
    if item.nats_per_copy is not None:
        return ItemView(item, item.nats_per_copy, units.unit(1))
    return ItemView(item, item.influence, units.unit(None))


@router.get("")
def show_collections(request: Request, session: DbSession, cursor: Cursor = None) -> Response:
    """Every collection, the newest first."""
    return render(request, "collections.html", _listed(session, cursor))


def _listed(session: Session, cursor: str | None = None) -> CollectionsPage:
    found = collections.recent(session, cursor=cursor, limit=PAGE)
    return CollectionsPage(found, next=None if found.next is None else address("/collections", cursor=found.next))


@router.get(".json")
def collections_json(session: DbSession, cursor: Cursor = None) -> CollectionList:
    """The list as `GET /api/v1/collections` gives it."""
    return collections.recent(session, cursor=cursor, limit=PAGE)


@router.post("")
def make_collection(request: Request, session: DbSession, name: Text = "", description: Text = "") -> Response:
    """Begins a collection and shows it."""
    try:
        made = collections.make(session, _form(name, description))
    except InvalidInput as error:
        session.rollback()
        listed = _listed(session)
        told = FormError("name", error.problem, error.remedy)
        page = CollectionsPage(listed.found, listed.next, name, description, told)
        return render(request, "collections.html", page, 422)
    return RedirectResponse(made.url, status_code=303)


def _form(name: str, description: str) -> CollectionForm:
    if len(name.strip()) > LONGEST_NAME:
        raise InvalidInput(f"The name has {len(name)} characters.", f"Give one of at most {LONGEST_NAME}.", "name")
    if not name.strip():
        raise InvalidInput("The collection has no name.", "Give it one.", "name")
    return CollectionForm(name=name.strip(), description=newlines(description))


@router.post("/items")
def collect(
    session: DbSession,
    query: Annotated[str, Form()],
    collection: Annotated[str, Form()] = "",
    name: Text = "",
    run: Annotated[str, Form()] = "",
    sequence_id: Annotated[int | None, Form(ge=0, le=2**63 - 1)] = None,
    note: Text = "",
    back: Annotated[str, Form(max_length=4_000)] = "",
) -> Response:
    """Puts a query or a sequence into a collection that is there, or into a new one of that name."""
    form = ItemForm(query=query, run=run or None, sequence_id=sequence_id, note=newlines(note))
    if name.strip() or not collection:
        collection = collections.make_with(session, _form(name, ""), form).id
    else:
        collections.add(session, collection, form)
    return RedirectResponse(safe_back(back, f"/collections/{collection}"), status_code=303)


@router.get("/{collection_id}.json")
def collection_json(collection_id: str, session: DbSession) -> CollectionView:
    """The collection as `GET /api/v1/collections/{id}` gives it."""
    return collections.get(session, collection_id)


@router.get("/{collection_id}.html")
def collection_html(request: Request, collection_id: str, session: DbSession) -> Response:
    """The collection in one HTML file that opens offline; its links lead back here."""
    found = collections.get(session, collection_id)
    server = str(request.base_url).rstrip("/")
    shown = page_of(found)
    file = CollectionFile(css(), origin(server, found.url), found, shown.items)
    return html_file(f"collection-{found.id}", "standalone_collection.html", file)


@router.get("/{collection_id}")
def show_collection(request: Request, collection_id: str, session: DbSession) -> Response:
    """A collection with its items in their order."""
    return render(request, "collection.html", page_of(collections.get(session, collection_id)))


@router.post("/{collection_id}")
def change_collection(
    request: Request, collection_id: str, session: DbSession, name: Text = "", description: Text = ""
) -> Response:
    """Gives a collection another name and description."""
    try:
        collections.change(session, collection_id, _form(name, description))
    except InvalidInput as error:
        session.rollback()
        told = FormError("name", error.problem, error.remedy)
        return render(request, "collection.html", page_of(collections.get(session, collection_id), told), 422)
    return _to(collection_id)


def _to(collection_id: str, item: int | None = None) -> Response:
    place = "" if item is None else f"#item-{item}"
    return RedirectResponse(f"/collections/{collection_id}{place}", status_code=303)


@router.post("/{collection_id}/delete")
def delete_collection(collection_id: str, session: DbSession) -> Response:
    """Takes a collection away and goes to the others."""
    collections.delete(session, collection_id)
    return RedirectResponse("/collections", status_code=303)


@router.post("/{collection_id}/items/{item_id}")
def change_item(
    collection_id: str,
    item_id: ItemId,
    session: DbSession,
    note: Annotated[str | None, Form(max_length=10_000)] = None,
    place: Annotated[int | None, Form(ge=1, le=1_000)] = None,
    do: Annotated[Literal["change", "remove"], Form()] = "change",
) -> Response:
    """Gives an item another note or place, or takes it out."""
    if do == "remove":
        collections.remove(session, collection_id, item_id)
        return _to(collection_id)
    told = None if note is None else newlines(note)
    collections.change_item(session, collection_id, item_id, ItemChange(note=told, place=place))
    return _to(collection_id, item_id)
