"""Batches over the API: check a file of queries, ask it, watch it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from app.client.connection import Connection, path
from app.client.queries import EVERY_SECONDS
from app.services.shapes import (
    BatchCheck,
    BatchForm,
    BatchList,
    BatchQueryView,
    BatchSubmitted,
    BatchSummary,
    BatchView,
    RunState,
)

UNDER_WAY: tuple[RunState, ...] = ("queued", "running")


class Batches:
    """`client.batches`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def check(self, form: BatchForm | None = None, **fields: Any) -> BatchCheck:
        """What a batch would ask, with every fault of its rows: a `BatchForm`, or its fields."""
        return self._connection.read(BatchCheck, "POST", path("batches", "check"), json=_sent(form, fields))

    def submit(self, form: BatchForm | None = None, **fields: Any) -> BatchSubmitted:
        """Asks all queries of a batch. Raises: ApiError where a row is wrong, unless `leave_out` is told."""
        return self._connection.read(BatchSubmitted, "POST", path("batches"), json=_sent(form, fields))

    def list(self, *, limit: int = 200) -> Iterator[BatchSummary]:
        """Every batch, the newest first."""
        for page in self._connection.pages(BatchList, path("batches"), limit=limit):
            yield from page.rows

    def get(self, batch: str, *, limit: int = 50, top: int = 3) -> BatchView:
        """A batch with its first queries, each run with its `top` heaviest sequences."""
        return self._connection.read(BatchView, "GET", path("batches", batch), params={"limit": limit, "top": top})

    def rows(self, batch: str, *, top: int = 3, limit: int = 200) -> Iterator[BatchQueryView]:
        """Every query of a batch. Pages of `limit` are read as they are needed."""
        for page in self._connection.pages(BatchView, path("batches", batch), limit=limit, top=top):
            yield from page.rows

    def wait(self, batch: str, told: Callable[[BatchView], None] | None = None) -> BatchView:
        """The batch once all its runs have ended. `told` is called at every look."""
        while True:
            view = self.get(batch, limit=1, top=0)
            if told is not None:
                told(view)
            if not any(view.states.get(state) for state in UNDER_WAY):
                return view
            time.sleep(EVERY_SECONDS)

    def cancel(self, batch: str) -> BatchSummary:
        """Stops every run that has not ended."""
        return self._connection.read(BatchSummary, "POST", path("batches", batch, "cancel"))

    def retry(self, batch: str) -> BatchSummary:
        """Starts every failed or cancelled run again."""
        return self._connection.read(BatchSummary, "POST", path("batches", batch, "retry"))


def _sent(form: BatchForm | None, fields: dict[str, Any]) -> dict[str, Any]:
    return (form or BatchForm.model_validate(fields)).model_dump(mode="json")
