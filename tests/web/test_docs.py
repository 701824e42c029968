"""docs/api.md keeps in step with the routes, and its examples with the shapes."""

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel, TypeAdapter

from app.services import shapes
from app.web.api.health import Health
from app.web.problems import ProblemDetails
from tests.web.conftest import Site

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
EXAMPLES = re.findall(r"[Ss]hape\s+`([\w\[\]]+)`(?:(?!```json|[Ss]hape\s).)*?```json\n(.*?)```", TEXT, re.S)
NAMES: dict[str, type[BaseModel]] = {
    **{name: value for name, value in vars(shapes).items() if isinstance(value, type) and issubclass(value, BaseModel)},
    "Health": Health,
    "ProblemDetails": ProblemDetails,
}


def adapter(name: str) -> TypeAdapter[object]:
    """The reader of a shape by its name in the text; a field that the shape does not have is an error."""
    inner = re.fullmatch(r"list\[(\w+)\]", name)
    return TypeAdapter(list[NAMES[inner[1]]] if inner else NAMES[name])  # type: ignore[misc]


def test_every_address_of_the_api_has_a_heading_and_every_heading_an_address(site: Site) -> None:
    document = site.client.get("/api/v1/openapi.json").json()
    served = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert set(re.findall(r"^### `([A-Z]+ [^`]+)`$", TEXT, re.M)) == served


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_every_example_has_its_shape(name: str, example: str) -> None:
    body = json.loads(example)
    read = adapter(name).validate_python(body)
    again = adapter(name).dump_python(read, mode="json")
    assert again == body, "an example shows every field"


def test_all_examples_were_found() -> None:
    assert len(EXAMPLES) == TEXT.count("```json")


def test_every_twin_that_the_text_names_exists(site: Site) -> None:
    for address in re.findall(r"`(/[\w/{}.]+\.(?:jsonl|json|csv|parquet|html))[^`]*`", TEXT):
        if address.startswith("/api/"):
            continue
        filled = address.replace("{query_id}", site.ids["fact"]).replace("{sequence_id}", "999999")
        assert "There is nothing at" not in site.client.get(filled).text, address
