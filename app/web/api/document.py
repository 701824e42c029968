"""The OpenAPI document: FastAPI's, with errors described as they are sent."""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from app.web.api import examples
from app.web.problems import SCHEMA_REF, UNREAD, FieldProblem, ProblemDetails


def describe(app: FastAPI) -> None:
    """Makes the application's document speak of problem details where FastAPI would name its own errors."""
    generated: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = with_problems(generated())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the schemas of problem details in the place of FastAPI's."""
    shapes = document["components"]["schemas"]
    for own in ("HTTPValidationError", "ValidationError"):
        shapes.pop(own, None)
    _, made = models_json_schema(
        [(ProblemDetails, "serialization"), (FieldProblem, "serialization")], ref_template=SCHEMA_REF
    )
    shapes.update(made["$defs"])
    examples.add(document)
    for operation in operations(document):
        if "requestBody" in operation:
            for code, answer in UNREAD.items():
                operation["responses"].setdefault(str(code), answer)
    return document


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every operation of an OpenAPI document."""
    for methods in document["paths"].values():
        yield from methods.values()
