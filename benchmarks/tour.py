"""The pictures of docs/tour.md, taken from a running demo: `python -m benchmarks.tour --server http://127.0.0.1:8000`.

Needs `influence demo` running or served, its queries answered, and Debian's Chromium. Pictures are WebP, a few tens of
kilobytes each, so that the repository stays small.
"""

import argparse
import base64
import json
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).parent.parent / "docs" / "tour"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
TITLE = "The Declaration of Independence"
MODEL = "medium"
# Drawn by the browser itself: it writes WebP, and screenshots are PNG or JPEG only.
AS_WEBP = """async ([data, scale, quality]) => {
  const image = new Image(); image.src = data; await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width * scale; canvas.height = image.height * scale;
  const pen = canvas.getContext("2d"); pen.imageSmoothingQuality = "high";
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", quality);
}"""


@dataclass(frozen=True)
class View:
    """A picture: its file's name, the page, and how it is looked at."""

    name: str
    address: str
    width: int = 1280
    height: int = 860
    dark: bool = False


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for view in views(arguments.server):
            file = arguments.folder / f"{view.name}.webp"
            file.write_bytes(picture(browser, arguments.server, view))
            print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")
        browser.close()


def views(server: str) -> Iterator[View]:
    """What is shown, in the tour's order."""
    query = next(one for one in read(server, "/api/v1/queries?limit=200&curated=true")["rows"] if one["title"] == TITLE)
    runs = {run["model"]: run["id"] for run in read(server, f"/api/v1/queries/{query['id']}")["runs"]}
    [row] = read(server, f"/api/v1/runs/{runs[MODEL]}/influences?limit=1")["rows"]
    at = f"/queries/{query['id']}"
    yield View("gallery", "/")
    yield View("result", f"{at}?model={MODEL}")
    yield View("sequence", f"{at}/sequences/{row['sequence_id']}?run={runs[MODEL]}", height=1000)
    yield View("distribution", f"{at}?model={MODEL}&view=distribution")
    yield View("compare", f"/compare?runs={','.join(runs.values())}", width=1480, height=980)
    yield View("study", "/studies/word-order", height=1000)
    yield View("dark", f"{at}?model={MODEL}", dark=True)
    yield View("phone", f"{at}?model={MODEL}", width=390, height=820)


def read(server: str, address: str) -> Any:
    """An answer of the API."""
    with urllib.request.urlopen(server + address, timeout=30) as answer:
        return json.load(answer)


def picture(browser: Browser, server: str, view: View) -> bytes:
    """The page as WebP."""
    scheme = "dark" if view.dark else "light"
    page = browser.new_page(viewport={"width": view.width, "height": view.height}, color_scheme=scheme)
    page.goto(server + view.address, wait_until="load")
    page.wait_for_timeout(500)
    shot = base64.b64encode(page.screenshot()).decode()
    page.close()
    blank = browser.new_page()
    data = blank.evaluate(AS_WEBP, [f"data:image/png;base64,{shot}", 1.0, 0.82])
    blank.close()
    return base64.b64decode(data.split(",", 1)[1])


if __name__ == "__main__":
    main()
