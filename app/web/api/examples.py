"""Examples of the API's shapes, from the documentation that is kept in step with them: `docs/api.md`."""

import json
import re
from functools import lru_cache
from typing import Any

from app.paths import bundled

BLOCK = re.compile(r"[Ss]hape\s+`([\w\[\]]+)`(?:(?!```json|[Ss]hape\s).)*?```json\n(.*?)```", re.DOTALL)
LIST = re.compile(r"list\[(\w+)\]")
# Longer ones, which would be in the way of reading.
MORE = "api-examples.json"
PATHS: dict[str, str | int] = {
    "query_id": "g4u4cgh4jo",
    "run_id": "g4u4cgh4jo-ip3ny5",
    "sequence_id": 12,
    "check_id": "g4u4cgh4jo-ip3ny5-12-counterfactual",
    "list_id": "b2xq7m4kdv5wzr3a",
    "batch_id": "k4mzq2x7ab",
    "collection_id": "p7ycp7zbcp",
    "item_id": 1,
    "name": "large",
    "corpus": "demo",
    "document": "almanac-0012",
}
Document = dict[str, Any]


@lru_cache
def examples() -> dict[str, Any]:
    """The example of each shape by its name; of a list as `list[Name]` where it has one of its own."""
    told = (bundled("docs") / "api.md").read_text(encoding="utf-8")
    more = json.loads((bundled("docs") / MORE).read_text(encoding="utf-8"))
    return {**more, **{name: json.loads(text) for name, text in BLOCK.findall(told)}}


def of_schema(schema: Document) -> Any:
    """The example of a body by its schema: a shape, a list of one, or a map to lists; None where there is none."""
    known = examples()
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        whole = known.get(f"list[{name}]")
        return known.get(name, whole[0] if whole else None)
    if schema.get("type") == "array":
        item = schema.get("items", {})
        whole = known.get(f"list[{item.get('$ref', '').rsplit('/', 1)[-1]}]")
        return whole or ([one] if (one := of_schema(item)) is not None else None)
    return None


def add(document: Document) -> None:
    """Gives every body, answer and path of an OpenAPI document its example."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in PATHS:
                    parameter["example"] = PATHS[parameter["name"]]
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                _illustrate(part)


def _illustrate(part: Document) -> None:
    content = part.get("content", {}).get("application/json")
    found = None if content is None else of_schema(content.get("schema", {}))
    if content is not None and found is not None:
        content["example"] = found
