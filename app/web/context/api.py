"""The API's page."""

from dataclasses import dataclass


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
class ApiPage:
    """`/api/v1/docs`: the API from its OpenAPI document, readable offline and without JavaScript."""

    operations: tuple[Operation, ...]
    shapes: tuple[ShapeView, ...]
