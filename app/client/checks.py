"""Checks of kept sequences over the API."""

from app.client.connection import Connection, path
from app.services.shapes import CheckForm, CheckKind, CheckView


class Checks:
    """`client.checks`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, run: str, sequence: int, kind: CheckKind = "counterfactual") -> CheckView:
        """Lets a worker check a kept sequence; the same check is found, not made again."""
        form = CheckForm(kind=kind).model_dump()
        return self._connection.read(CheckView, "POST", path("runs", run, "influences", sequence, "checks"), json=form)

    def of(self, run: str, sequence: int) -> list[CheckView]:
        """The checks of a sequence of a run."""
        return self._connection.read_list(CheckView, "GET", path("runs", run, "influences", sequence, "checks"))

    def get(self, check: str) -> CheckView:
        """A check: how it stands, and its result once it is done."""
        return self._connection.read(CheckView, "GET", path("checks", check))

    def cancel(self, check: str) -> CheckView:
        """Stops it."""
        return self._connection.read(CheckView, "POST", path("checks", check, "cancel"))

    def retry(self, check: str) -> CheckView:
        """Starts it again."""
        return self._connection.read(CheckView, "POST", path("checks", check, "retry"))
