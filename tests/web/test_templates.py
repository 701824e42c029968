"""Templates use what their page's context documents, and nothing else."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest
from jinja2 import DictLoader, StrictUndefined

import app.web.context as context
from app.web.context import CollectionFile, ErrorPage, ResultFile, SequenceFile, Shell
from app.web.rendering import environment
from tests.web.template_types import Checker

PAGES = Path("app/web/pages")
RENDER = re.compile(r'render\(\s*request,\s*"([\w.]+)"')
# Files that open offline have no shell around them.
STANDALONE = {
    "standalone_result.html": ResultFile,
    "standalone_sequence.html": SequenceFile,
    "standalone_collection.html": CollectionFile,
}


def page_of(template: str) -> type:
    """The context of a template: `query.html` has QueryPage."""
    return getattr(context, "".join(word.capitalize() for word in template.removesuffix(".html").split("_")) + "Page")


def rendered() -> list[str]:
    """The templates that pages render by name."""
    return sorted({name for path in PAGES.rglob("*.py") for name in RENDER.findall(path.read_text("utf-8"))})


def found(template: str, page: type, shell: type | None = Shell) -> list[str]:
    """What a checker finds in one page."""
    checker = Checker(environment())
    checker.check(template, page, shell)
    return checker.problems


@pytest.mark.parametrize("template", rendered())
def test_a_template_uses_only_what_its_context_documents(template: str) -> None:
    assert found(template, page_of(template)) == []


def test_the_error_page_uses_only_what_its_context_documents() -> None:
    assert found("error.html", ErrorPage) == []


@pytest.mark.parametrize("template", STANDALONE)
def test_a_file_uses_only_what_its_context_documents(template: str) -> None:
    assert found(template, STANDALONE[template], None) == []


def test_every_template_belongs_to_a_page() -> None:
    """Of a template that no page renders, extends, includes or imports nothing would be checked."""
    loaded, known = environment(), {*rendered(), "error.html", *STANDALONE}
    pattern = re.compile(r'{%-?\s*(?:extends|include|import|from)\s+"([\w.]+)"')
    waiting = list(known)
    while waiting:
        source, _, _ = loaded.loader.get_source(loaded, waiting.pop())  # type: ignore[union-attr]
        new = set(pattern.findall(source)) - known
        known |= new
        waiting += new
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
        problems = checker.problems
    except Exception as error:  # jinja parses filters early
        problems = [str(error)]
    assert any(told in problem for problem in problems), problems
