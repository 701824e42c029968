"""The pages' budgets with 500 sequences of 512 tokens a list: `python -m benchmarks.pages` writes docs/budgets.md.

A server process on a database that this fills, asked by plain requests (first byte, size) and by a real Chromium
(time until the page is ready, at full speed and with the processor slowed to a quarter; time from a key or a click to
the next frame). Medians. It needs Debian's `chromium`.
"""

import argparse
import gzip
import http.client
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy.orm import Session

from app.models import Query, Run
from app.services import identity
from app.services.record import Answer, KeptSequence, record
from app.services.run_settings import RunSettings
from benchmarks.machine import describe
from tests.browser.conftest import QUIET, Served, chromium, serving
from tests.web import filling

WRITTEN = Path(__file__).parent.parent / "docs" / "budgets.md"
SEQUENCES, TOKENS = 500, 512
PROMPT, COMPLETION = "The first ruler of Rosthaar was", "Kelmar"
FIRST_BYTE, HTML, SCRIPTS, READY, READY_SLOW, INTERACTION = 200, 100, 60, 300, 1000, 200
REPEATS = 9


@dataclass(frozen=True)
class View:
    """A page that is measured, and what is done on it: the script's words for a key or a click."""

    name: str
    path: str
    does: str
    act: Callable[[Page], None]


@dataclass(frozen=True)
class Measured:
    """A page's figures: milliseconds, and kilobytes as they travel."""

    name: str
    does: str
    first_byte: float
    html: float
    scripts: float
    first: float
    ready: float
    ready_slow: float
    interaction: float
    interaction_slow: float


def long_text(number: int) -> str:
    """A text of exactly TOKENS - 1 tokens, one word each; one more stands for the beginning of the sequence."""
    words: list[str] = []
    while len(words) < TOKENS - 1:
        words += re.findall(r"\w{1,6}", filling.sequence_text(number + len(words)))
    return " ".join(words[: TOKENS - 1])


def whole_words(text: str) -> list[tuple[int, int]]:
    """Offsets of a text's words, each with the space before it."""
    return [match.span() for match in re.finditer(r"\s?\S+", text)]


def ranked(model: str, sign: int) -> list[KeptSequence]:
    """A list of one sign, heaviest first."""
    layers = filling.LAYERS[model]
    sizes = (sign * filling.N * 1.05 * (place + 1) ** -0.9 for place in range(SEQUENCES))
    made = [
        filling.kept_text(long_text(number), number, size, layers, 1, whole_words)
        for number, size in enumerate(sizes, start=0 if sign > 0 else SEQUENCES)
    ]
    return filling.flagged(made)


def fill(session: Session) -> dict[str, str]:
    """One query answered by two models, each list at its longest."""
    filling.add_catalog(session)
    key = identity.query_id(PROMPT, COMPLETION, "demo", "everything", SEQUENCES)
    asked = {"prompt": PROMPT, "completion": COMPLETION, "corpus": "demo", "scope": "everything", "keep": SEQUENCES}
    session.add(Query(id=key, **asked))
    session.flush()
    ids = {"query": key}
    for model in ("medium", "large"):
        settings = RunSettings()
        run = Run(id=identity.run_id(key, model, settings), query_id=key, model=model, settings=settings.model_dump())
        session.add(run)
        session.commit()
        record(session, answer(run.id, model))
        ids[model] = run.id
    return ids


def answer(run_id: str, model: str) -> Answer:
    """The longest answer there can be."""
    return replace(filling.answer(run_id, model, 1, 1), positive=ranked(model, 1), negative=ranked(model, -1))


def press(key: str) -> Callable[[Page], None]:
    """Presses a key."""
    return lambda page: page.keyboard.press(key)


def switch_theme(page: Page) -> None:
    """Clicks what every page has."""
    page.click("[data-theme-toggle]")


def hover(page: Page) -> None:
    """Moves over the grid of layers and tokens."""
    box = page.locator("canvas").first.bounding_box()
    assert box is not None, "the sequence's page has a grid"
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.click(box["x"] + 60, box["y"] + 50)


def views(ids: dict[str, str]) -> list[View]:
    """Every page that holds much."""
    query, runs = f"/queries/{ids['query']}", f"{ids['medium']},{ids['large']}"
    return [
        View("one line of text: the machine's own share", "/healthz", "j", press("j")),
        View("gallery", "/", "theme", switch_theme),
        View("query, 50 of 500 rows", f"{query}?model=large", "j", press("j")),
        View("query, negative", f"{query}?model=large&sign=negative", "j", press("j")),
        View("query, distribution", f"{query}?model=large&view=distribution", "theme", switch_theme),
        View("query, layers", f"{query}?model=large&view=layers", "theme", switch_theme),
        View("query, run", f"{query}?model=large&view=run", "theme", switch_theme),
        View("sequence, 512 tokens", f"{query}/sequences/3?run={ids['large']}", "click in the grid", hover),
        View("comparison of two", f"/compare?runs={runs}", "theme", switch_theme),
        View("comparison, 50 rows", f"/compare?runs={runs}&show=50", "j", press("j")),
        *(
            View(f"comparison, {view}", f"/compare?runs={runs}&view={view}", "theme", switch_theme)
            for view in ("agreement", "layers", "text", "table")
        ),
        View("new query", "/queries/new", "theme", switch_theme),
        View("models", "/models", "theme", switch_theme),
        View("about", "/about", "theme", switch_theme),
    ]


def first_bytes(address: str, path: str) -> Iterator[tuple[float, float]]:
    """Milliseconds until the first byte of the body, and kilobytes of the compressed page, over and over."""
    place = urlsplit(address)
    while True:
        connection = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=30)
        connection.connect()
        began = time.perf_counter()
        connection.request("GET", path, headers={"accept": "text/html", "accept-encoding": "gzip"})
        answered = connection.getresponse()
        first = answered.read(1)
        taken = 1000 * (time.perf_counter() - began)
        body = first + answered.read()
        assert answered.status == 200, f"{path} answered {answered.status}"
        connection.close()
        size = len(body if answered.headers.get("content-encoding") == "gzip" else gzip.compress(body))
        yield taken, size / 1000


def opened(browser: Browser, address: str, path: str, slow: int, before: str | None) -> tuple[Page, dict[str, float]]:
    """A page in a fresh context, with milliseconds until ready and kilobytes of scripts.

    Ready is when the document is parsed, its modules have run and its first contents are painted, from the request on.
    before: the page that a reader comes from, whose scripts and styles the browser then has.
    """
    page = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}).new_page()
    client = page.context.new_cdp_session(page)
    if before is not None:
        page.goto(before, wait_until="load")
    client.send("Emulation.setCPUThrottlingRate", {"rate": slow})
    page.goto(path, wait_until="load")
    figures = page.evaluate(
        """async () => {
            const paint = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
            for (let tries = 0; !paint() && tries < 100; tries++) await new Promise((done) => setTimeout(done, 10));
            const [document] = performance.getEntriesByType("navigation");
            const scripts = performance.getEntriesByType("resource").filter((one) => one.name.includes(".js"));
            return {
              ready: Math.max(document.domContentLoadedEventEnd, paint()),
              scripts: scripts.reduce((sum, one) => sum + one.encodedBodySize, 0) / 1000,
            };
        }"""
    )
    return page, figures


def interaction(page: Page, act: Callable[[Page], None]) -> float:
    """Milliseconds from a key or a click until the frame that shows its effect, by the browser's own measure.

    The browser does not tell of what took less than 16 ms; it counts as 16.
    """
    page.evaluate(
        """() => {
            window.slowest = 16;
            new PerformanceObserver((list) => {
              for (const entry of list.getEntries()) window.slowest = Math.max(window.slowest, entry.duration);
            }).observe({type: "event", durationThreshold: 16, buffered: false});
        }"""
    )
    act(page)
    page.wait_for_timeout(350)
    return float(page.evaluate("window.slowest"))


def measure(browser: Browser, served: Served, view: View, repeats: int) -> Measured:
    """All figures of one page."""
    asked = first_bytes(served.address, view.path)
    next(asked)
    bytes_, sizes = zip(*(next(asked) for _ in range(repeats)), strict=True)
    first: list[float] = []
    seen: dict[int, list[tuple[float, float]]] = {1: [], 4: []}
    scripts = 0.0
    for _ in range(max(repeats // 3, 3)):
        page, figures = opened(browser, served.address, view.path, 1, None)
        first.append(figures["ready"])
        scripts = max(scripts, figures["scripts"])
        page.context.close()
        for slow, found in seen.items():
            page, figures = opened(browser, served.address, view.path, slow, "/models")
            found.append((figures["ready"], interaction(page, view.act)))
            page.context.close()
    medians = {slow: [statistics.median(column) for column in zip(*found, strict=True)] for slow, found in seen.items()}
    return Measured(
        name=view.name,
        does=view.does,
        first_byte=statistics.median(bytes_),
        html=statistics.median(sizes),
        scripts=scripts,
        first=statistics.median(first),
        ready=medians[1][0],
        ready_slow=medians[4][0],
        interaction=medians[1][1],
        interaction_slow=medians[4][1],
    )


def cell(value: float, most: float, digits: int = 0) -> str:
    """A figure; in bold with a word where it is over its budget."""
    return f"{value:.{digits}f}" if value < most else f"**{value:.{digits}f} over**"


def row(one: Measured) -> str:
    """A line of the table."""
    cells = [
        one.name,
        cell(one.first_byte, FIRST_BYTE),
        cell(one.html, HTML, 1),
        cell(one.scripts, SCRIPTS, 1),
        cell(one.first, READY),
        cell(one.ready, READY),
        cell(one.ready_slow, READY_SLOW),
        one.does,
        cell(one.interaction, INTERACTION),
        cell(one.interaction_slow, INTERACTION),
    ]
    return f"| {' | '.join(cells)} |"


def written(found: list[Measured]) -> str:
    """The page of the documentation."""
    heads = (
        "page | first byte, ms | HTML, KB | scripts, KB | ready in a new browser, ms | ready, ms | ready slow, ms "
        "| does | answer, ms | slow, ms"
    )
    table = "\n".join(
        [f"| {heads} |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |", *map(row, found)]
    )
    return f"""# What a page may cost, and what it costs

Budgets, with {SEQUENCES} sequences of {TOKENS} tokens kept of each sign, under two models: first byte under
{FIRST_BYTE} ms; HTML under {HTML} KB and scripts under {SCRIPTS} KB as they travel, compressed; ready in under
{READY} ms, and under {READY_SLOW} ms on a processor slowed to a quarter; a key or a click answered on the screen
within {INTERACTION} ms.

Measured by `python -m benchmarks.pages`: {describe()}, server and browser on the same two cores.
*Ready* is counted from the request until the document is parsed, its scripts have run and its first contents are
painted; for who comes from another page, and for the first page of a new browser, which has no scripts or styles yet
and starts its processes meanwhile. *Slow* is the browser's own slowing of the processor by four. Medians. The browser
counts the time to the next frame in steps of 8 ms, and what took less than 16 counts as 16. The first row is what the
machine, the server and the browser take for a page that holds nothing.

{table}
"""


def main() -> None:
    """Fill, serve, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--out", type=Path, default=WRITTEN)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, serving(Path(home), fill) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        found = []
        for view in views(served.ids):
            found.append(measure(browser, served, view, asked.repeats))
            print(found[-1], flush=True)
        browser.close()
    asked.out.write_text(written(found), "utf-8")


if __name__ == "__main__":
    main()
