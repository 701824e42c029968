"""What the web process imports, how big what it sends is, and that it loads nothing from elsewhere."""

import gzip
import re
import subprocess
import sys

from app.paths import bundled
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
    address = re.search(r'href="(/static/style\.css\?v=\w+)"', page.text)
    assert address is not None
    assert "immutable" in site.client.get(address[1]).headers["cache-control"]
    assert site.client.get("/static/style.css").headers["cache-control"] == "no-cache"


def test_nothing_names_another_host() -> None:
    folders = [bundled("static") / "js", bundled("templates"), bundled("static")]
    for folder in folders:
        for path in folder.iterdir():
            if path.is_file():
                text = path.read_text().replace("http://www.w3.org/2000/svg", "")
                assert not re.search(r"(https?:)?//[\w-]+\.\w", text.replace("// ", "")), path
