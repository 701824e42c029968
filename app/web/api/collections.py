"""Collections of queries and sequences."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from app.services import collections
from app.services.shapes import (
    CollectionForm,
    CollectionItem,
    CollectionList,
    CollectionView,
    ItemChange,
    ItemForm,
)
from app.web.api.paging import Cursor, linked_on
from app.web.deps import DbSession
from app.web.problems import CONFLICT, INVALID, NOT_FOUND

router = APIRouter(prefix="/collections", tags=["collections"])
ItemId = Annotated[int, Path(ge=1, le=2**31 - 1, description="the item's `id`")]


@router.get("", responses=INVALID)
def list_collections(
    session: DbSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200, description="how many at most")] = 50,
) -> CollectionList:
    """Collections, the newest first."""
    found = collections.recent(session, cursor=cursor, limit=limit)
    linked_on(request, response, found.next)
    return found


@router.post("", status_code=201, responses=INVALID)
def make_collection(form: CollectionForm, session: DbSession, response: Response) -> CollectionView:
    """Begins a collection, which is empty; its address is in `Location`."""
    made = collections.make(session, form)
    response.headers["location"] = f"/api/v1/collections/{made.id}"
    return made


@router.get("/{collection_id}", responses=NOT_FOUND)
def get_collection(collection_id: str, session: DbSession) -> CollectionView:
    """A collection with its items in their order."""
    return collections.get(session, collection_id)


@router.put("/{collection_id}", responses=NOT_FOUND | INVALID)
def change_collection(collection_id: str, form: CollectionForm, session: DbSession) -> CollectionView:
    """Gives a collection another name and description."""
    return collections.change(session, collection_id, form)


@router.delete("/{collection_id}", status_code=204, responses=NOT_FOUND)
def delete_collection(collection_id: str, session: DbSession) -> None:
    """Takes a collection away; the queries and sequences that it held stay."""
    collections.delete(session, collection_id)


@router.post("/{collection_id}/items", status_code=201, responses=NOT_FOUND | CONFLICT | INVALID)
def add_to_collection(collection_id: str, form: ItemForm, session: DbSession) -> CollectionItem:
    """Puts a query, or a sequence of a run, at the end; one that is there already is found and not put in again."""
    return collections.add(session, collection_id, form)


@router.patch("/{collection_id}/items/{item_id}", responses=NOT_FOUND | INVALID)
def change_collection_item(
    collection_id: str, item_id: ItemId, change: ItemChange, session: DbSession
) -> CollectionView:
    """Gives an item another note, or another place; the others make room."""
    return collections.change_item(session, collection_id, item_id, change)


@router.delete("/{collection_id}/items/{item_id}", responses=NOT_FOUND)
def remove_from_collection(collection_id: str, item_id: ItemId, session: DbSession) -> CollectionView:
    """Takes an item out of a collection; answers with what is left."""
    return collections.remove(session, collection_id, item_id)
