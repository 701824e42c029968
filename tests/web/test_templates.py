"""Templates use what their page's context documents, and nothing else."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest
from jinja2 import DictLoader, StrictUndefined

import app.web.context as context
from app.web.context import ErrorPage, Shell
from app.web.rendering import environment
from tests.web.template_types import Checker

PAGES = Path("app/web/pages")
RENDER = re.compile(r'render\(\s*request,\s*"([\w.]+)"')


def page_of(template: str) -> type:
    """The context of a template: `query.html` has QueryPage."""
    return getattr(context, "".join(word.capitalize() for word in template.removesuffix(".html").split("_")) + "Page")


def rendered() -> list[str]:
    """The templates that pages render by name."""
    return sorted({found for path in PAGES.rglob("*.py") for found in RENDER.findall(path.read_text("utf-8"))})


def checked(template: str, page: type) -> Checker:
    """What a checker finds in one page."""
    checker = Checker(environment())
    checker.check(template, page, Shell)
    return checker


@pytest.mark.parametrize("template", rendered())
def test_a_template_uses_only_what_its_context_documents(template: str) -> None:
    assert checked(template, page_of(template)).problems == []


def test_the_error_page_uses_only_what_its_context_documents() -> None:
    assert checked("error.html", ErrorPage).problems == []


def test_every_template_belongs_to_a_page() -> None:
    """Of a template that no page renders, extends, includes or imports nothing would be checked."""
    loaded, known = environment(), {*rendered(), "error.html"}
    pattern = re.compile(r'{%-?\s*(?:extends|include|import|from)\s+"([\w.]+)"')
    waiting = list(known)
    while waiting:
        source, _, _ = loaded.loader.get_source(loaded, waiting.pop())  # type: ignore[union-attr]
        found = set(pattern.findall(source)) - known
        known |= found
        waiting += found
    assert set(loaded.list_templates()) == known


def test_every_context_says_what_it_is() -> None:
    for name in context.__all__:
        kind = getattr(context, name)
        if isinstance(kind, type):
            assert dataclasses.is_dataclass(kind), name
            assert kind.__dataclass_params__.frozen, name
            assert ast.get_docstring(ast.parse(f'"""{kind.__doc__}"""')), name
            # A dataclass without a docstring is given its own signature as one.
            assert not kind.__doc__.startswith(f"{name}("), name


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{ page.titel }}", "ErrorPage has no titel"),
        ("{% for part in page.title %}{{ other }}{% endfor %}", "other is no name"),
        ("{{ page.title | louder }}", "there is no filter louder"),
        ("{% macro m(x) %}{{ x.remdy }}{% endmacro %}{{ m(page) }}", "ErrorPage has no remdy"),
        ("{% if page.status %}{% set p = page %}{{ p.nothing }}{% endif %}", "ErrorPage has no nothing"),
        ("{% for w in shell.alive %}{{ w.nam }}{% endfor %}", "WorkerView has no nam"),
        ('{% for w in shell.alive | selectattr("bussy") %}{% endfor %}', "WorkerView has no bussy"),
    ],
)
def test_the_checker_finds_what_is_wrong(source: str, told: str) -> None:
    known = environment()
    made = known.overlay(loader=DictLoader({"page.html": source}), undefined=StrictUndefined)
    checker = Checker(made)
    try:
        checker.check("page.html", ErrorPage, Shell)
        found = checker.problems
    except Exception as error:  # jinja parses filters early
        found = [str(error)]
    assert any(told in problem for problem in found), found
