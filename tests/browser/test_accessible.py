"""Every page in every state, in both themes: no violation that axe-core finds, nothing wider than the screen."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Served, opened, serving
from tests.web.filling import add_catalog

pytestmark = pytest.mark.browser
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
# Narrow pages differ in layout only: axe looks at those whose order changes, the width is measured on all.
NARROW = (
    *("gallery", "form", "result", "distribution", "layers", "candidates", "sequence", "run", "running", "comparison"),
    *("model", "study", "status", "form of many", "batch"),
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What the theme can change: the same page in the dark differs in nothing else.
RULES_OF_COLOUR = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}

GROUND = "getComputedStyle(document.body).backgroundColor"


def collection(page: Page, query: str, run: str, sequence: int) -> str:
    """A collection of a query and a sequence, both with notes."""
    made = page.request.post("/api/v1/collections", data={"name": "Found", "description": "What for."}).json()
    for item in ({"query": query}, {"query": query, "run": run, "sequence_id": sequence, "note": "why"}):
        page.request.post(f"/api/v1/collections/{made['id']}/items", data=item)
    return str(made["url"])


def batch(page: Page) -> str:
    """A batch that waits."""
    defaults = {"models": ["small", "large"], "corpus": "demo"}
    form = {"rows": [{"prompt": "The mill of Velm is", "completion": "old"}], "defaults": defaults, "label": "Mills"}
    return str(page.request.post("/api/v1/batches", data=form).json()["url"])


def addresses(page: Page, served: Served) -> dict[str, str]:
    """Every kind of page, by name."""
    query = served.ids["fact"]
    runs = page.request.get(f"/api/v1/queries/{query}").json()["runs"]
    large = runs[-1]["id"]
    rows = page.request.get(f"/api/v1/runs/{large}/influences").json()["rows"]
    spanish = page.request.get(f"/api/v1/queries/{served.ids['spanish']}").json()["runs"][-1]["id"]
    longest = max(rows, key=lambda row: len(row["tokens"]))["sequence_id"]
    return {
        "gallery": "/",
        "all queries": "/queries",
        "collections": "/collections",
        "a collection": collection(page, query, large, rows[0]["sequence_id"]),
        "kind of problem": "/api/v1/problems/conflict",
        "form": "/queries/new",
        "form with preview": "/queries/new?prompt=The+first&completion=ruler&models=small&preview=1",
        "result": f"/queries/{query}",
        "negative result": f"/queries/{query}?sign=negative",
        "chosen result": f"/queries/{query}?find=ruler&read=word&group=duplicates&colour=list&palette=paper",
        "nothing found": f"/queries/{query}?find=zzz",
        "distribution": f"/queries/{query}?view=distribution",
        "lexical distribution": f"/queries/{served.ids['lexical']}?view=distribution",
        "no distribution": f"/queries/{served.ids['indexed']}?view=distribution",
        "layers": f"/queries/{query}?view=layers&palette=paper",
        "layers of two": f"/queries/{query}?view=layers&model=small",
        "run": f"/queries/{query}?view=run",
        "lexical result": f"/queries/{served.ids['lexical']}",
        "indexed result": f"/queries/{served.ids['indexed']}",
        "lexical run": f"/queries/{served.ids['lexical']}?view=run",
        "run of unknown coverage": f"/queries/{served.ids['unknown']}?view=run",
        "candidates": f"/queries/{served.ids['versions']}",
        "many candidates": f"/queries/{served.ids['wordings']}?page=2",
        "list of candidates": f"/queries/{served.ids['wordings']}?view=list",
        "run of candidates": f"/queries/{served.ids['versions']}?view=run",
        "sequence": f"/queries/{query}/sequences/{rows[0]['sequence_id']}?run={large}",
        "numbers": f"/queries/{query}/sequences/{rows[0]['sequence_id']}/numbers?run={large}",
        "long sequence": f"/queries/{query}/sequences/{longest}?run={large}",
        **{
            name: f"/queries/{query}/sequences/{rows[place]['sequence_id']}?run={large}&{view}"
            for name, place, view in (
                ("words in the paper's colours", 0, "read=word&palette=paper"),
                ("erased sequence", 0, "erase=output&read=sentence"),
                ("erasure to be asked for", 1, "erase=zeroed"),
                ("check under way", 1, ""),
                ("failed check", 2, ""),
                ("waiting check", 3, ""),
            )
        },
        "document": "/corpora/demo/documents/almanac/0009",
        "long document": "/corpora/demo/documents/prose/0007",
        "running": f"/queries/{served.ids['running']}",
        "queued": f"/queries/{served.ids['running']}?model=medium",
        "failed": f"/queries/{served.ids['failed']}?model=small",
        "cancelled": f"/queries/{served.ids['cancelled']}",
        "right to left": f"/queries/{served.ids['rtl']}",
        "long word": f"/queries/{served.ids['long']}",
        "script": f"/queries/{served.ids['script']}",
        "chooser": "/compare",
        "comparison": "/compare?runs=" + ",".join(run["id"] for run in runs),
        "comparison's agreement": "/compare?view=agreement&runs=" + ",".join(run["id"] for run in runs),
        "comparison's layers": "/compare?view=layers&runs=" + ",".join(run["id"] for run in runs),
        "comparison's texts": "/compare?view=text&runs=" + ",".join(run["id"] for run in runs),
        "comparison's table": "/compare?view=table&runs=" + ",".join(run["id"] for run in runs),
        "comparison of questions": f"/compare?runs={large},{spanish}&view=agreement&by=rank",
        "form of many": "/queries/batch",
        "batches": "/batches",
        "batch": batch(page),
        "queries found": "/queries?find=rosthaar&model=large",
        "no query found": "/queries?find=nothing+like+it",
        "models": "/models",
        "model": "/models/large",
        "corpora": "/corpora",
        "corpus": "/corpora/demo",
        "studies": "/studies",
        "study": "/studies/word-order",
        "study with pairs": "/studies/pbrf",
        "status": "/status",
        "about": "/about",
        "api": "/api/v1/docs",
        "error": "/nothing",
    }


def violations(page: Page, rules: object) -> list[str]:
    """What axe finds on a page that has it."""
    result = page.evaluate("rules => axe.run({runOnly: rules})", rules)
    return [
        f"{one['id']}: " + "; ".join(str(node["target"]) + node["failureSummary"][:160] for node in one["nodes"][:3])
        for one in result["violations"]
    ]


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_has_a_violation_in_either_theme_or_is_wider_than_the_screen(
    chrome: Browser, served: Served, width: int
) -> None:
    found: list[str] = []
    with opened(chrome, served.address, width=width) as page:
        for name, address in addresses(page, served).items():
            page.emulate_media(color_scheme="light")
            page.goto(address, wait_until="load")
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{name}: wider than {width} pixels")
            if width == 390 and name not in NARROW:
                continue
            page.evaluate(AXE.read_text())
            found += [f"{name}: {one}" for one in violations(page, RULES)]
            if width != 390:
                light = page.evaluate(GROUND)
                page.emulate_media(color_scheme="dark")
                assert page.evaluate(GROUND) != light, f"{name} is not dark"
                found += [f"{name}, dark: {one}" for one in violations(page, RULES_OF_COLOUR)]
    assert not found, "\n".join(found)


def test_a_site_that_is_being_prepared_has_no_violation(chrome: Browser, tmp_path: Path) -> None:
    found: list[str] = []
    with (
        serving(tmp_path, lambda session: add_catalog(session, state="preparing", alive=False)) as site,
        opened(chrome, site.address) as page,
    ):
        for address in ("/", "/queries/new", "/models", "/corpora", "/status", "/compare", "/queries"):
            page.goto(address, wait_until="load")
            page.evaluate(AXE.read_text())
            found += [f"{address}: {one}" for one in violations(page, RULES)]
    assert not found, "\n".join(found)


def test_opened_details_and_the_filled_form_have_no_violation_either(chrome: Browser, served: Served) -> None:
    with opened(chrome, served.address) as page:
        places = addresses(page, served)
        for name in ("sequence", "result", "model", "study", "corpus"):
            page.goto(places[name])
            page.evaluate("for (const item of document.querySelectorAll('details')) item.open = true")
            page.evaluate(AXE.read_text())
            assert violations(page, RULES) == [], name
