"""Collections, and all labels and notes, over the API."""

from collections.abc import Iterator
from typing import Any

from app.client.connection import Connection, path
from app.services.shapes import (
    Annotated,
    AnnotatedList,
    CollectionForm,
    CollectionItem,
    CollectionList,
    CollectionSummary,
    CollectionView,
    ItemChange,
    ItemForm,
)


class Collections:
    """`client.collections`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, limit: int = 200) -> Iterator[CollectionSummary]:
        """Every collection, the newest first."""
        for page in self._connection.pages(CollectionList, path("collections"), limit=limit):
            yield from page.rows

    def get(self, collection: str) -> CollectionView:
        """A collection with its items in their order."""
        return self._connection.read(CollectionView, "GET", path("collections", collection))

    def make(self, name: str, description: str = "") -> CollectionView:
        """Begins a collection."""
        return self._connection.read(CollectionView, "POST", path("collections"), json=_form(name, description))

    def change(self, collection: str, name: str, description: str = "") -> CollectionView:
        """Gives it another name and description."""
        address = path("collections", collection)
        return self._connection.read(CollectionView, "PUT", address, json=_form(name, description))

    def delete(self, collection: str) -> None:
        """Takes it away."""
        self._connection.send("DELETE", path("collections", collection))

    def add(
        self, collection: str, query: str, run: str | None = None, sequence: int | None = None, note: str = ""
    ) -> CollectionItem:
        """Puts a query, or a sequence of one of its runs, at the end."""
        form = ItemForm(query=query, run=run, sequence_id=sequence, note=note).model_dump()
        return self._connection.read(CollectionItem, "POST", path("collections", collection, "items"), json=form)

    def change_item(self, collection: str, item: int, **changed: Any) -> CollectionView:
        """Gives an item another `note` or `place`."""
        change = ItemChange.model_validate(changed).model_dump(exclude_unset=True)
        return self._connection.read(
            CollectionView, "PATCH", path("collections", collection, "items", item), json=change
        )

    def remove(self, collection: str, item: int) -> CollectionView:
        """Takes an item out."""
        return self._connection.read(CollectionView, "DELETE", path("collections", collection, "items", item))

    def annotations(self, query: str | None = None, limit: int = 200) -> Iterator[Annotated]:
        """Every label and note, or those of a query and its sequences, the latest first."""
        for page in self._connection.pages(AnnotatedList, path("annotations"), query=query, limit=limit):
            yield from page.rows


def _form(name: str, description: str) -> dict[str, str]:
    return CollectionForm(name=name, description=description).model_dump()
