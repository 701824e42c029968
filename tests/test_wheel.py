"""The wheel carries the pages, scripts, migrations and the demo, and finds them when it is installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.splitlines()
    for name in tracked:
        source, copy = ROOT / name, folder / "source" / name
        shown = name in ("docs/terms.md", "docs/api.md", "docs/api-examples.json") or name.startswith("docs/studies/")
        if source.is_file() and (shown or not name.startswith(("tests/", "docs/"))):
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(folder / "source")],
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_what_the_product_reads(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "static", "alembic"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"app/_bundled/{file.relative_to(ROOT)}" in names
    for name in ("terms.md", "api.md", "api-examples.json"):
        assert f"app/_bundled/docs/{name}" in names
    for file in (ROOT / "docs" / "studies").rglob("*.json"):
        assert f"app/_bundled/{file.relative_to(ROOT)}" in names
    for file in (ROOT / "app" / "demo" / "data").rglob("*"):
        if file.is_file():
            assert str(file.relative_to(ROOT)) in names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_an_installed_wheel_starts_the_web_application(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)], check=True
    )
    code = (
        "import app.paths, app.web.main, app.settings, app.database;"
        "settings = app.settings.Settings(); app.database.migrate(settings); app.web.main.create_app(settings);"
        "print(app.paths.bundled('templates'))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "INFLUENCE_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str(site / "app" / "_bundled" / "templates")
