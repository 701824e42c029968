"""The API's page."""

from dataclasses import dataclass

from app.web.problem_kinds import ProblemKind


@dataclass(frozen=True)
class Operation:
    """One address of the API with its method, as its page describes it."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[tuple[str, str, str, bool, str], ...]
    body: str | None
    answers: tuple[tuple[str, str, str], ...]
    curl: str
    example: str = ""

    @property
    def anchor(self) -> str:
        """The name of its place on the page."""
        return f"{self.method}{self.path}".lower().replace("/", "-").replace("{", "").replace("}", "")


@dataclass(frozen=True)
class ShapeView:
    """One schema of the API: its fields with type and meaning."""

    name: str
    description: str
    fields: tuple[tuple[str, str, bool, str], ...]


@dataclass(frozen=True)
class OperationGroup:
    """The operations of one part of the API."""

    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class ProblemPage:
    """`/api/v1/problems/{name}`: what a kind of problem means."""

    kind: ProblemKind
    example: str
    others: tuple[ProblemKind, ...]


@dataclass(frozen=True)
class ApiPage:
    """`/api/v1/docs`: the API from its OpenAPI document, readable offline and without JavaScript."""

    groups: tuple[OperationGroup, ...]
    shapes: tuple[ShapeView, ...]
    problems: tuple[ProblemKind, ...]
    python: str
