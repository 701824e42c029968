"""What the web process imports, how big what it sends is, and that it loads nothing from elsewhere."""

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urljoin

import pytest

from app.paths import bundled
from app.web import assets
from tests.web.conftest import Site

FORBIDDEN = ("torch", "transformers", "engine", "datasets")


def test_the_web_process_imports_neither_torch_nor_transformers_nor_datasets_nor_the_engine() -> None:
    code = (
        "import sys; from app.web.main import create_app; create_app().openapi(); "
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_all_scripts_together_stay_below_60_kilobytes_compressed() -> None:
    scripts = sorted((bundled("static") / "js").glob("*.js"))
    assert sum(len(gzip.compress(path.read_bytes())) for path in scripts) < 60_000


def test_a_query_page_stays_below_100_kilobytes_compressed(site: Site) -> None:
    for name in ("fact", "passage", "function"):
        html = site.client.get(f"/queries/{site.ids[name]}").content
        assert len(gzip.compress(html)) < 100_000


def test_pages_travel_compressed_and_static_files_may_be_kept(site: Site) -> None:
    page = site.client.get("/", headers={"accept-encoding": "gzip"})
    assert page.headers["content-encoding"] == "gzip"
    address = re.search(r'href="(/static/\w+/style\.css)"', page.text)
    assert address is not None
    assert "immutable" in site.client.get(address[1]).headers["cache-control"]
    # An address of another version, or of none, has the present file, which is asked after each time.
    for other in ("/static/style.css", "/static/0123456789ab/style.css"):
        answer = site.client.get(other)
        assert answer.text == site.client.get(address[1]).text
        assert answer.headers["cache-control"] == "no-cache"
    assert site.client.get("/static/0123456789ab/nothing.css").status_code == 404


def test_modules_are_imported_by_the_addresses_that_pages_name(site: Site) -> None:
    """What a page names and another module imports has one address: it is fetched once, and kept as long."""
    pages = ["/", "/compare", f"/queries/{site.ids['fact']}", f"/queries/{site.ids['running']}"]
    named = {found for page in pages for found in re.findall(r'"(/static/[^"]+\.js)"', site.client.get(page).text)}
    assert len(named) > 5
    for address in named:
        for name in re.findall(r'^import .*?"(.*?)";$', site.client.get(address).text, re.M):
            imported = urljoin(address, name)
            assert imported in named, "a page preloads what its modules import"
            assert "immutable" in site.client.get(imported).headers["cache-control"]


def test_the_version_follows_the_content_of_every_static_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copy = tmp_path / "static"
    shutil.copytree(bundled("static"), copy)
    monkeypatch.setattr(assets, "_root", lambda: copy)
    before = assets.version()
    assert before == assets.version()
    module = copy / "js" / "keys.js"
    module.write_text(f"{module.read_text()}\n// Changed.\n")
    os.utime(module, ns=(1, 1))
    assert assets.version() != before
    shutil.copyfile(bundled("static") / "js" / "keys.js", module)
    assert assets.version() == before


def test_nothing_names_another_host() -> None:
    folders = [bundled("static") / "js", bundled("templates"), bundled("static")]
    for folder in folders:
        for path in folder.iterdir():
            if path.is_file():
                text = path.read_text().replace("http://www.w3.org/2000/svg", "")
                assert not re.search(r"(https?:)?//[\w-]+\.\w", text.replace("// ", "")), path
