"""Collections: queries and sequences put together under a name, in an order, each with a note."""

import base64
import secrets

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.columns import now
from app.database import begin_write
from app.models import CollectionItemRow, CollectionRow
from app.services import annotations, cursors
from app.services.annotations import Subject, usable
from app.services.collection_items import contents
from app.services.errors import Conflict, InvalidInput, NotFound
from app.services.shapes import (
    CollectionForm,
    CollectionItem,
    CollectionList,
    CollectionSummary,
    CollectionView,
    ItemChange,
    ItemForm,
)

LIST = "collections"
MOST_ITEMS = 500


def make(session: Session, form: CollectionForm) -> CollectionView:
    """A new, empty collection; two may have the same name."""
    name, description = _named(form)
    begin_write(session)
    made = CollectionRow(id=_new_id(), name=name, description=description)
    session.add(made)
    session.commit()
    return get(session, made.id)


def make_with(session: Session, form: CollectionForm, item: ItemForm) -> CollectionView:
    """A new collection of one item. Raises: NotFound for an item that is not there, and makes no collection then."""
    annotations.checked(session, Subject(item.query, item.run, item.sequence_id))
    made = make(session, form)
    add(session, made.id, item)
    return get(session, made.id)


def _new_id() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()[:10]


def _named(form: CollectionForm) -> tuple[str, str]:
    name = " ".join(usable(form.name, "name").split())
    if not name:
        raise InvalidInput("The collection has no name.", "Give it one.", "name")
    return name, usable(form.description, "description")


def find(session: Session, collection_id: str) -> CollectionRow:
    """The row of a collection, or NotFound."""
    found = session.get(CollectionRow, collection_id)
    if found is None:
        raise NotFound(f"There is no collection {collection_id!r}.", "Look for it at /collections.")
    return found


def recent(session: Session, *, cursor: str | None = None, limit: int = 50) -> CollectionList:
    """The collections, the newest first."""
    moments, keys = CollectionRow.created_at, CollectionRow.id
    chosen = select(CollectionRow).order_by(moments.desc(), keys).limit(limit + 1)
    if cursor is not None:
        chosen = chosen.where(cursors.behind(moments, keys, *cursors.moment(LIST, None, cursor)))
    rows = list(session.scalars(chosen))
    counts = _counts(session, [row.id for row in rows])
    last = rows[limit - 1] if len(rows) > limit else None
    following = None if last is None else cursors.after_moment(LIST, None, last.created_at, last.id)
    return CollectionList(rows=[_summary(row, counts.get(row.id, 0)) for row in rows[:limit]], next=following)


def _counts(session: Session, ids: list[str]) -> dict[str, int]:
    held = CollectionItemRow.collection_id
    counted = session.execute(select(held, func.count()).where(held.in_(ids)).group_by(held))
    return {key: count for key, count in counted}  # noqa: C416 - a Row is no pair to mypy


def _summary(row: CollectionRow, items: int) -> CollectionSummary:
    return CollectionSummary.model_validate(_fields(row, items))


def _fields(row: CollectionRow, items: int) -> dict[str, object]:
    same = ("id", "name", "description", "created_at", "updated_at")
    return {**{name: getattr(row, name) for name in same}, "url": f"/collections/{row.id}", "items": items}


def get(session: Session, collection_id: str) -> CollectionView:
    """A collection with its items in their order."""
    row = find(session, collection_id)
    held = contents(session, _rows(session, collection_id))
    return CollectionView.model_validate({**_fields(row, len(held)), "contents": held})


def _rows(session: Session, collection_id: str) -> list[CollectionItemRow]:
    chosen = select(CollectionItemRow).where(CollectionItemRow.collection_id == collection_id)
    return list(session.scalars(chosen.order_by(CollectionItemRow.place, CollectionItemRow.id)))


def holding(session: Session, subject: Subject) -> list[CollectionSummary]:
    """The collections that hold a query or a sequence, the newest first."""
    same = (
        CollectionItemRow.query_id == subject.query,
        CollectionItemRow.run_id.is_(None) if subject.run is None else CollectionItemRow.run_id == subject.run,
        CollectionItemRow.sequence_id.is_(None)
        if subject.sequence_id is None
        else CollectionItemRow.sequence_id == subject.sequence_id,
    )
    chosen = select(CollectionRow).where(CollectionRow.id.in_(select(CollectionItemRow.collection_id).where(*same)))
    rows = list(session.scalars(chosen.order_by(CollectionRow.created_at.desc(), CollectionRow.id)))
    counts = _counts(session, [row.id for row in rows])
    return [_summary(row, counts.get(row.id, 0)) for row in rows]


def change(session: Session, collection_id: str, form: CollectionForm) -> CollectionView:
    """Gives a collection another name and description."""
    name, description = _named(form)
    begin_write(session)
    row = find(session, collection_id)
    row.name, row.description, row.updated_at = name, description, now()
    session.commit()
    return get(session, collection_id)


def delete(session: Session, collection_id: str) -> None:
    """Takes a collection away; what it held stays where it is."""
    begin_write(session)
    session.delete(find(session, collection_id))
    session.commit()


def add(session: Session, collection_id: str, form: ItemForm) -> CollectionItem:
    """Puts a query or a sequence at the end; one that is there is found, and takes the note if there is one.

    Raises: NotFound for what is not there; Conflict when the collection is full.
    """
    note = usable(form.note, "note")
    begin_write(session)
    row = find(session, collection_id)
    subject = annotations.checked(session, Subject(form.query, form.run, form.sequence_id))
    held = _rows(session, collection_id)
    wanted = (subject.query, subject.run, subject.sequence_id)
    item = next((one for one in held if (one.query_id, one.run_id, one.sequence_id) == wanted), None)
    if item is None:
        item = _new_item(session, row, held, subject)
    item.note = note or item.note or ""
    row.updated_at = now()
    session.commit()
    return contents(session, [item])[0]


def _new_item(
    session: Session, row: CollectionRow, held: list[CollectionItemRow], subject: Subject
) -> CollectionItemRow:
    if len(held) >= MOST_ITEMS:
        raise Conflict(
            f"The collection {row.name!r} holds {len(held)} items, which is the most.",
            "Remove some, or begin another collection.",
        )
    item = CollectionItemRow(
        collection_id=row.id,
        place=len(held) + 1,
        query_id=subject.query,
        run_id=subject.run,
        sequence_id=subject.sequence_id,
    )
    session.add(item)
    return item


def change_item(session: Session, collection_id: str, item_id: int, wished: ItemChange) -> CollectionView:
    """Gives an item another note or another place; the others move up or down to make room."""
    note = None if wished.note is None else usable(wished.note, "note")
    begin_write(session)
    row, held = find(session, collection_id), _rows(session, collection_id)
    item = _item(held, collection_id, item_id)
    if note is not None:
        item.note = note
    if wished.place is not None:
        held.remove(item)
        held.insert(wished.place - 1, item)
    _number(held)
    row.updated_at = now()
    session.commit()
    return get(session, collection_id)


def remove(session: Session, collection_id: str, item_id: int) -> CollectionView:
    """Takes an item out; what it named stays where it is."""
    begin_write(session)
    row, held = find(session, collection_id), _rows(session, collection_id)
    item = _item(held, collection_id, item_id)
    held.remove(item)
    session.delete(item)
    _number(held)
    row.updated_at = now()
    session.commit()
    return get(session, collection_id)


def _item(held: list[CollectionItemRow], collection_id: str, item_id: int) -> CollectionItemRow:
    for item in held:
        if item.id == item_id:
            return item
    raise NotFound(f"The collection {collection_id!r} has no item {item_id}.", "Look at it for its items.")


def _number(held: list[CollectionItemRow]) -> None:
    for place, item in enumerate(held, start=1):
        item.place = place
