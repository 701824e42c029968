"""The import order of the whole product, as data; and what the web process must never load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import cli

ROOT = Path(__file__).resolve().parent.parent

# A package may import itself and what stands behind it. The longest matching name decides.
ALLOWED: dict[str, tuple[str, ...]] = {
    "engine.atomic": (),
    "engine.errors": (),
    "engine.terms": ("engine.errors",),
    "engine.maths": ("engine.errors", "engine.terms"),
    "engine.model": ("engine.errors", "engine.terms", "engine.maths"),
    "engine.corpus": ("engine.atomic", "engine.errors", "engine.terms", "engine.maths", "engine.model"),
    "engine.storage": ("engine.atomic", "engine.errors", "engine.terms", "engine.maths", "engine.model"),
    "engine.pipeline": (
        "engine.errors", "engine.terms", "engine.maths", "engine.model", "engine.corpus", "engine.storage",
    ),
    "engine": ("engine",),
    "app.paths": (),
    "app.settings": (),
    "app.columns": (),
    "app.database": ("app.settings", "app.paths", "app.jobs.schema"),
    "app.tables": ("app.columns",),
    "app.annotated": ("app.columns", "app.tables"),
    "app.batched": ("app.columns", "app.tables"),
    "app.checked": ("app.columns", "app.tables"),
    "app.models": ("app.columns", "app.database", "app.tables", "app.annotated", "app.batched", "app.checked"),
    "app.jobs": ("app.settings", "app.database", "app.models", "app.jobs"),
    "app.demo": ("app.demo", "app.settings", "app.database", "app.models", "app.jobs", "app.services"),
    "app.services": ("app.settings", "app.paths", "app.database", "app.models", "app.columns", "app.jobs"),
    "app.worker": (
        "app.settings", "app.paths", "app.database", "app.models", "app.columns", "app.jobs", "app.services", "engine",
    ),
    "app.web": ("app.settings", "app.paths", "app.database", "app.models", "app.jobs", "app.services"),
    "app.client": ("app.client", "app.services.shapes"),
    "app.client.local": (
        "app.client", "app.settings", "app.database", "app.models", "app.jobs", "app.services", "app.web",
    ),
    "app.cli": ("app",),
}  # fmt: skip

HEAVY = ("torch", "transformers", "engine", "datasets")


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the product by its dotted name."""
    for top in ("engine", "app"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def imported(path: Path) -> Iterator[str]:
    """The product's own modules that a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        yield from (name for name in names if name.split(".")[0] in ("app", "engine"))


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def rule_for(name: str) -> str | None:
    rules = [rule for rule in ALLOWED if within(name, rule)]
    return max(rules, key=len, default=None)


@pytest.mark.parametrize(("name", "path"), [pytest.param(n, p, id=n) for n, p in modules() if n != "app"])
def test_a_module_imports_only_what_stands_behind_it(name: str, path: Path) -> None:
    rule = rule_for(name)
    assert rule is not None, f"{name} has no place in the import order: give it one"
    allowed = (rule, *ALLOWED[rule])
    wrong = [other for other in imported(path) if not any(within(other, package) for package in allowed)]
    assert not wrong, f"{name} must not import {wrong}"


COMMANDS = sorted({f"app.cli.{told.module}" for told in cli.COMMANDS})


@pytest.mark.parametrize("module", ["app.web.main", "app.services.queries", "app.jobs.client", *COMMANDS])
def test_the_web_process_never_loads_torch(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_only_the_jobs_package_imports_the_workflow_library() -> None:
    users = {
        name
        for name, path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom | ast.Import)
        for imported_name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        if within(imported_name, "dbos")
    }
    assert all(within(name, "app.jobs") for name in users), users
