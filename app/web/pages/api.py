"""`/api/v1/docs`: the API's page, written from its OpenAPI document; nothing is loaded from elsewhere."""

import json
import re
import shlex
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from app.services.errors import NotFound
from app.web.context import ApiPage, Operation, OperationGroup, ProblemPage, ShapeView
from app.web.problem_kinds import BY_NAME, KINDS
from app.web.problems import title
from app.web.rendering import render

router = APIRouter()
Schema = dict[str, Any]
# Example values of what an address must name behind its question mark.
QUERIES = {"runs": "g4u4cgh4jo-lxbs6i,g4u4cgh4jo-ip3ny5"}
PYTHON = """from app.client import Client

with Client("{server}") as client:
    asked = client.queries.submit(
        prompt="The capital of Rosthaar is", completion="Velm", models=["large"], corpus="demo"
    )
    client.queries.wait(asked)
    for row in client.runs.influences(asked.runs[0]):
        print(row.rank, row.nats_per_copy, row.text)"""


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


def _operation(server: str, method: str, path: str, spec: Schema) -> Operation:
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
    return Operation(
        method=method.upper(),
        path=path,
        summary=spec.get("summary", ""),
        description=spec.get("description", ""),
        parameters=parameters,
        body=_content(spec["requestBody"])[1] if "requestBody" in spec else None,
        answers=answers,
        curl=_curl(server, method, path, spec),
        example=_example(spec),
    )


def _curl(server: str, method: str, path: str, spec: Schema) -> str:
    """A line that asks it, with example values in its address and body."""
    for item in spec.get("parameters", []):
        if item["in"] == "path":
            path = path.replace(f"{{{item['name']}}}", quote(str(item.get("example", item["name"])), safe="/"))
    needed = [item for item in spec.get("parameters", []) if item["in"] == "query" and item.get("required")]
    asked = "&".join(f"{item['name']}={QUERIES.get(item['name'], '…')}" for item in needed)
    address = f"{server}{path}?{asked}" if asked else f"{server}{path}"
    words = ["curl", "-s", *([] if method == "get" else ["-X", method.upper()]), address]
    body: Schema = spec.get("requestBody", {}).get("content", {}).get("application/json", {})
    if body:
        given = json.dumps(body.get("example", {}), ensure_ascii=False)
        words += ["-H", "content-type: application/json", "-d", given]
    return shlex.join(words)


def _example(spec: Schema) -> str:
    """The example of the answer when all is well."""
    for code, part in spec["responses"].items():
        found = part.get("content", {}).get("application/json", {}).get("example")
        if code.startswith("2") and found is not None:
            return _pretty(found)
    return ""


def _pretty(value: object) -> str:
    """JSON as a person reads it: short lists and objects on a line."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return re.sub(r"[\[{]\s*([^\[\]{}]{0,90}?)\s*[\]}]", lambda found: re.sub(r"\s*\n\s*", " ", found[0]), text)


def _shape(name: str, schema: Schema) -> ShapeView:
    required = set(schema.get("required", []))
    fields = tuple(
        (field, type_name(spec), field in required, spec.get("description", ""))
        for field, spec in schema.get("properties", {}).items()
    )
    return ShapeView(name, schema.get("description", ""), fields)


def api_page(document: Schema, server: str) -> ApiPage:
    """The page's context from an OpenAPI document; `server` is the address that its lines ask."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, spec in methods.items():
            name = (spec.get("tags") or ["other"])[0]
            groups.setdefault(name, []).append(_operation(server, method, path, spec))
    shapes = tuple(_shape(name, schema) for name, schema in sorted(document["components"]["schemas"].items()))
    listed = tuple(OperationGroup(name, tuple(operations)) for name, operations in groups.items())
    return ApiPage(listed, shapes, KINDS, PYTHON.format(server=server))


@router.get("/api/v1/problems/{name}")
def show_problem(request: Request, name: str) -> Response:
    """What a kind of problem means: the address that a problem's `type` names."""
    kind = BY_NAME.get(name)
    if kind is None:
        raise NotFound(f"There is no kind of problem named {name!r}.", f"There are: {', '.join(BY_NAME)}.", "name")
    told = {"type": kind.type, "title": title(kind.status), "status": kind.status, "detail": "…", "remedy": "…"}
    others = tuple(other for other in KINDS if other.name != name)
    return render(request, "problem.html", ProblemPage(kind, json.dumps(told, ensure_ascii=False, indent=1), others))


@router.get("/api/v1/docs")
def show_api(request: Request) -> Response:
    """The API by address and shape."""
    return render(request, "api.html", api_page(request.app.openapi(), str(request.base_url).rstrip("/")))
