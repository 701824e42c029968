"""The OpenAPI document shows an example of every body and answer, and each has the shape it stands for."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.required import required
from tests.web import examples
from tests.web.conftest import Site

# What schemathesis itself validates with.
schemas = required("jsonschema_rs")


@pytest.fixture(scope="module")
def document(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.client.get("/api/v1/openapi.json").json()
    return found


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every JSON body of requests and of answers when all is well, by operation."""
    for path, methods in document["paths"].items():
        for method, spec in methods.items():
            good = [part for code, part in spec["responses"].items() if code.startswith("2")]
            for part in (spec.get("requestBody", {}), *good):
                if "application/json" in part.get("content", {}):
                    yield f"{method.upper()} {path}", part["content"]["application/json"]


def test_every_body_and_answer_has_an_example(document: dict[str, Any]) -> None:
    assert [name for name, body in bodies(document) if "example" not in body] == []


def test_every_example_has_its_shape(document: dict[str, Any]) -> None:
    for name, body in bodies(document):
        if "example" not in body:
            continue
        schema = {**body["schema"], "components": document["components"]}
        wrong = [error.message for error in schemas.Draft202012Validator(schema).iter_errors(body["example"])]
        assert wrong == [], name


def test_every_part_of_an_address_has_an_example(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, spec in methods.items():
            named = [one for one in spec.get("parameters", []) if one["in"] == "path"]
            assert all("example" in one for one in named), f"{method} {path}"


def test_the_examples_that_are_written_by_a_command_are_as_it_writes_them(site_to_change: Site) -> None:
    kept, now = json.loads(examples.FILE.read_text()), examples.bodies(site_to_change)
    assert {name: _names(body) for name, body in kept.items()} == {name: _names(body) for name, body in now.items()}


def _names(value: Any) -> Any:
    """Which fields there are, whatever they hold: moments differ from run to run."""
    if isinstance(value, dict):
        return {name: _names(item) for name, item in value.items()}
    return [_names(item) for item in value] if isinstance(value, list) else None


def test_the_page_shows_a_line_to_try_for_every_operation(site: Site, document: dict[str, Any]) -> None:
    text = site.client.get("/api/v1/docs", headers={"accept": "text/html"}).text
    operations = sum(len(methods) for methods in document["paths"].values())
    assert text.count(">curl -s ") == operations
    assert "http://testserver/api/v1/runs/g4u4cgh4jo-ip3ny5/influences/12" in text
    lines = re.findall(r">(curl -s [^<]*)<", text)
    assert not [line for line in lines if re.search(r"/\{\w+\}", line)]
