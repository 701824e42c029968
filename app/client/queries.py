"""Queries over the API: ask, list, read, wait, cancel, try again."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from app.client.connection import Connection, path
from app.services.shapes import (
    Annotation,
    AnnotationForm,
    Outlook,
    QueryForm,
    QueryList,
    QuerySummary,
    QueryView,
    RunView,
    Submitted,
    TokenPreview,
)

ENDED = ("done", "failed", "cancelled")
EVERY_SECONDS = 0.3


class Queries:
    """`client.queries`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def submit(self, form: QueryForm | None = None, **fields: Any) -> Submitted:
        """Asks which sequences influence a completion: a `QueryForm`, or its fields. The same question is found."""
        given = form or QueryForm.model_validate(fields)
        return self._connection.read(Submitted, "POST", path("queries"), json=given.model_dump(mode="json"))

    def get(self, query: str) -> QueryView:
        """A query with its runs and their progress."""
        return self._connection.read(QueryView, "GET", path("queries", query))

    def list(self, *, limit: int = 200, **narrowed: Any) -> Iterator[QuerySummary]:
        """Every query, newest first; `curated=True` for the gallery's. Pages of `limit` are read as they are needed."""
        for page in self._connection.pages(QueryList, path("queries"), limit=limit, **narrowed):
            yield from page.rows

    def wait(
        self,
        query: str | Submitted,
        *,
        of: Callable[[RunView], bool] = lambda _: True,
        seconds: float | None = None,
        told: Callable[[QueryView], None] | None = None,
    ) -> QueryView:
        """The query once its runs, or those `of` which it is true, have ended. `told` is called at every look.

        query: its id, or what `submit` gave: then only the runs that it asked for are waited for.

        Raises: TimeoutError after `seconds`; the query goes on.
        """
        end = None if seconds is None else time.monotonic() + seconds
        own = frozenset(query.runs) if isinstance(query, Submitted) else None
        name = query.id if isinstance(query, Submitted) else query
        while True:
            view = self.get(name)
            if told is not None:
                told(view)
            if all(run.state in ENDED for run in view.runs if of(run) and (own is None or run.id in own)):
                return view
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"The query {name} has not ended within {seconds:g} s; it goes on.")
            time.sleep(EVERY_SECONDS)

    def cancel(self, query: str, run: str | None = None) -> QueryView:
        """Stops a run, or all runs that have not ended."""
        return self._connection.read(QueryView, "POST", path("queries", query, "cancel"), params={"run": run})

    def retry(self, query: str, run: str | None = None) -> QueryView:
        """Starts a failed or cancelled run again, or all such runs."""
        return self._connection.read(QueryView, "POST", path("queries", query, "retry"), params={"run": run})

    def preview(self, **fields: Any) -> Sequence[TokenPreview]:
        """How each model's tokenizer reads a prompt and a completion."""
        return self._connection.read_list(TokenPreview, "POST", path("preview"), json=fields)

    def estimate(self, form: QueryForm | None = None, **fields: Any) -> Outlook:
        """What a query would take, and whether it was asked before: a `QueryForm`, or its fields."""
        given = form or QueryForm.model_validate(fields)
        return self._connection.read(Outlook, "POST", path("estimate"), json=given.model_dump(mode="json"))

    def annotate(self, query: str, label: str = "", note: str = "") -> Annotation:
        """Writes the label and the note of a query, in place of those that it has."""
        form = AnnotationForm(label=label, note=note).model_dump()
        return self._connection.read(Annotation, "PUT", path("queries", query, "annotation"), json=form)

    def clear_annotation(self, query: str) -> None:
        """Takes them away."""
        self._connection.send("DELETE", path("queries", query, "annotation"))
