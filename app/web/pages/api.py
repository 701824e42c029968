"""`/api/v1/docs`: the API's page, written from its OpenAPI document; nothing is loaded from elsewhere."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.web.context import ApiPage, Operation, ShapeView
from app.web.rendering import render

router = APIRouter()
Schema = dict[str, Any]


def type_name(schema: Schema) -> str:
    """A schema's type in a few words: `text`, `list of number`, `one of "a", "b"`, or a shape's name."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema:
        return "one of " + ", ".join(f'"{value}"' for value in schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_name(choice) for choice in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {type_name(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {type_name(schema['additionalProperties'])}"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null"}
    kind = str(schema.get("type", "any"))
    return names.get(kind, kind)


def _content(part: Schema) -> tuple[str, str]:
    """The media type and the type name of a body."""
    for media, content in part.get("content", {}).items():
        schema = content.get("schema") or content.get("itemSchema") or {}
        return media, type_name(schema)
    return "", ""


def _operation(method: str, path: str, spec: Schema) -> Operation:
    parameters = tuple(
        (
            item["name"],
            item["in"],
            type_name(item["schema"]),
            bool(item.get("required")),
            item.get("description", ""),
        )
        for item in spec.get("parameters", [])
    )
    answers = tuple(
        (code, part.get("description", ""), " ".join(_content(part)).strip())
        for code, part in spec["responses"].items()
    )
    body = _content(spec["requestBody"])[1] if "requestBody" in spec else None
    return Operation(
        method.upper(), path, spec.get("summary", ""), spec.get("description", ""), parameters, body, answers
    )


def _shape(name: str, schema: Schema) -> ShapeView:
    required = set(schema.get("required", []))
    fields = tuple(
        (field, type_name(spec), field in required, spec.get("description", ""))
        for field, spec in schema.get("properties", {}).items()
    )
    return ShapeView(name, schema.get("description", ""), fields)


def api_page(document: Schema) -> ApiPage:
    """The page's context from an OpenAPI document."""
    operations = tuple(
        _operation(method, path, spec)
        for path, methods in document["paths"].items()
        for method, spec in methods.items()
    )
    shapes = tuple(_shape(name, schema) for name, schema in sorted(document["components"]["schemas"].items()))
    return ApiPage(operations, shapes)


@router.get("/api/v1/docs")
def show_api(request: Request) -> Response:
    """The API by address and shape."""
    return render(request, "api.html", api_page(request.app.openapi()))
