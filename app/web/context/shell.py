"""What every page has: the shell around it, errors, tabs, pagers."""

from dataclasses import dataclass

from app.services.shapes import ModelView, Status, WorkerView


@dataclass(frozen=True)
class Shell:
    """What surrounds every page: the section that is open, and the state of things in the header.

    palette: the colours of the two signs that the address names; empty where the browser may remember them.
    """

    path: str
    status: Status | None
    palette: str = ""

    @property
    def alive(self) -> list[WorkerView]:
        """The workers that have been heard of lately."""
        return [worker for worker in self.status.workers if worker.alive] if self.status else []

    @property
    def ready(self) -> list[ModelView]:
        """The models that can be asked now."""
        return [model for model in self.status.models if model.state == "ready"] if self.status else []

    @property
    def unready(self) -> list[ModelView]:
        """The models that wait, are being prepared, or failed."""
        return [model for model in self.status.models if model.state != "ready"] if self.status else []


@dataclass(frozen=True)
class ErrorPage:
    """A failed request, told to a person."""

    status: int
    title: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class FormError:
    """What is wrong with one field of the form, and what to do."""

    field: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class Tab:
    """A link to another view of the same thing."""

    name: str
    url: str
    current: bool


@dataclass(frozen=True)
class Pager:
    """Which rows of a list are shown, and the way to the others."""

    first: int
    last: int
    total: int
    previous: str | None
    next: str | None
