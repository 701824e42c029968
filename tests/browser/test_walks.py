"""What a person does, in a real browser: reading, asking, watching, comparing; by keyboard, without scripts."""

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Model, Run, Worker
from tests.browser.conftest import Served, follow, opened, serving
from tests.web.filling import Asked, add_catalog, add_query, answer, results, unfinished

pytestmark = pytest.mark.browser


def change(served: Served, run_id: str, state: str) -> None:
    """Brings a run into a state, as a worker does."""
    with served.sessions() as session:
        run = session.get_one(Run, run_id)
        if state == "done":
            session.commit()
            assert results.record(session, answer(run.id, run.model, 1, 12))
            return
        unfinished(run, state)
        run.version += 1
        session.commit()


def ask(page: Page, prompt: str) -> str:
    """Asks a new query of the small model through the form; its run's id."""
    page.goto("/queries/new")
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Completion").fill("Velm")
    page.get_by_label("medium").uncheck()
    page.get_by_label("large").uncheck()
    page.get_by_role("button", name="Find the sequences").click()
    page.wait_for_url(re.compile(r"/queries/\w{10}$"))
    body = page.request.get(f"{urlsplit(page.url).path}.json").json()
    return str(body["runs"][0]["id"])


def test_from_the_gallery_to_a_coloured_token(tab: Page, served: Served) -> None:
    tab.goto("/")
    follow(tab, tab.locator(f"a[href='/queries/{served.ids['fact']}']").first)
    expect(tab.locator("h1")).to_have_text("The first ruler of Rosthaar was Kelmar")
    expect(tab.locator("ol > .row")).to_have_count(50)
    colour = "getComputedStyle(document.querySelector('.p16')).backgroundColor"
    assert tab.evaluate(colour) not in ("rgba(0, 0, 0, 0)", "transparent")
    follow(tab, tab.get_by_role("link", name="Negative"))
    expect(tab.locator("ol > .row")).to_have_count(12)
    assert "underline" in tab.evaluate("getComputedStyle(document.querySelector('.n16')).textDecorationLine")
    tab.go_back()
    expect(tab.get_by_role("link", name="Positive")).to_have_attribute("aria-current", "page")


def test_typing_previews_the_tokens_and_counts_them(tab: Page) -> None:
    tab.goto("/queries/new")
    tab.get_by_label("Prompt").fill("The first ruler of")
    tab.get_by_label("Completion").fill("Rosthaar")
    expect(tab.locator("#previews h3")).to_have_text(["small, medium, large"])
    expect(tab.locator("#previews")).to_contain_text("tokens of at most 128")
    # The prompt alone may have been shown before.
    expect(tab.locator("#previews .k.c").first).to_be_visible()
    shown = "".join(tab.locator("#previews .k").all_text_contents())
    assert shown.removeprefix("<s>") == "The first ruler of Rosthaar"
    tab.get_by_label("Prompt").fill("ruler " * 300)
    expect(tab.locator("#previews .error").first).to_contain_text("its context holds 128")


def test_a_query_is_watched_from_the_line_to_its_list_without_a_reload_by_hand(tab: Page, served: Served) -> None:
    run = ask(tab, "Watched from the start:")
    expect(tab.locator("[data-told]")).to_contain_text("in line")
    change(served, run, "running")
    expect(tab.locator("[data-told]")).to_have_text("Scanning the corpus")
    expect(tab.locator("[data-sofar]")).to_have_text("1,850 of 4,012")
    expect(tab.locator("[data-left]")).to_have_text("about 14 s left")
    expect(tab.locator("[data-provisional] li")).to_have_count(10)
    change(served, run, "done")
    expect(tab.locator("ol > .row")).to_have_count(12)


def test_a_stream_that_the_server_dropped_is_taken_up_again_and_cancels_nothing(
    chrome: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path, add_catalog) as site, opened(chrome, site.address) as page:
        run = ask(page, "Watched through a gap:")
        expect(page.locator("[data-told]")).to_contain_text("in line")
        site.stop()
        expect(page.locator("[data-link]")).to_contain_text("The connection was lost")
        change(site, run, "running")
        site.start()
        expect(page.locator("[data-told]")).to_have_text("Scanning the corpus")
        expect(page.locator("[data-link]")).to_be_empty()
        change(site, run, "done")
        expect(page.locator("ol > .row")).to_have_count(12)


def test_a_run_is_cancelled_and_run_after_all(tab: Page) -> None:
    ask(tab, "Cancelled by hand:")
    tab.get_by_role("button", name="Cancel").click()
    expect(tab.get_by_role("heading", name="Cancelled", exact=True)).to_be_visible()
    tab.get_by_role("button", name="Run it after all").click()
    expect(tab.locator("[data-told]")).to_contain_text("in line")


def test_the_gallery_follows_models_and_queries_while_it_is_open(chrome: Browser, tmp_path: Path) -> None:
    def prepare(session: Session) -> dict[str, str]:
        add_catalog(session, state="preparing", alive=False)
        asked = Asked("Waiting in the gallery:", "Velm", "fact", states={"small": "queued"})
        return {"waiting": add_query(session, asked, curated=True)}

    with serving(tmp_path, prepare) as site, opened(chrome, site.address) as page:
        page.goto("/")
        expect(page.locator("[data-no-worker]")).to_be_visible()
        mark = page.locator(".groups .mark")
        expect(mark).to_have_class("mark queued")
        with site.sessions() as session:
            session.get_one(Model, "small").done = 2_006
            session.get_one(Worker, "desk-cpu").seen_at = datetime.now(UTC)
            run = session.scalars(select(Run)).one()
            run.state = "running"
            session.commit()
        expect(mark).to_have_class("mark running")
        expect(page.locator("[data-preparing=small] [data-words]")).to_contain_text("2,006 of 4,012")
        expect(page.locator("[data-no-worker]")).to_have_count(0)
        with site.sessions() as session:
            session.get_one(Model, "small").state = "ready"
            session.commit()
        expect(page.locator("[data-preparing]")).to_have_count(2)


def test_two_tabs_see_the_same_end(chrome: Browser, served: Served) -> None:
    with opened(chrome, served.address) as one:
        run = ask(one, "Seen twice:")
        two = one.context.new_page()
        two.goto(one.url)
        change(served, run, "done")
        for page in (one, two):
            expect(page.locator("ol > .row")).to_have_count(12)


def test_pointing_locking_and_moving_in_the_grid(tab: Page, served: Served) -> None:
    tab.goto(f"/queries/{served.ids['fact']}")
    follow(tab, tab.locator(".open").first)
    canvas = tab.locator("canvas")
    expect(canvas).to_be_visible()
    tab.locator("[data-pos='2']").hover()
    readout = tab.locator("[data-readout]")
    expect(readout).to_contain_text("helped predict")
    expect(tab.locator("[data-pos='3']")).to_have_class(re.compile("nxt"))
    tab.locator("[data-pos='2']").click()
    tab.mouse.move(5, 5)
    expect(tab.locator("[data-pos='2']")).to_have_class(re.compile("sel"))
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("[data-pos='3']")).to_have_class(re.compile("sel"))
    tab.get_by_role("group", name="Influence by layer and token").focus()
    tab.keyboard.press("ArrowDown")
    expect(readout).to_contain_text("layer 6")
    tab.keyboard.press("Escape")
    expect(tab.locator(".sel")).to_have_count(0)
    expect(readout).to_contain_text("Point at a token")


def test_the_value_that_is_told_is_the_tables(tab: Page, served: Served) -> None:
    tab.goto(f"/queries/{served.ids['fact']}")
    follow(tab, tab.locator(".open").first)
    tab.locator("[data-pos='1']").click()
    tab.get_by_text("All numbers, by token and layer").click()
    row = tab.locator("[data-grid-table] tbody tr").nth(1)
    value = row.locator("td.n").first.text_content()
    expect(tab.locator("[data-readout]")).to_contain_text(f"all layers {value}")


def test_pointing_at_a_sequence_shows_it_in_every_column_and_curve(tab: Page, served: Served) -> None:
    runs = tab.request.get(f"/api/v1/queries/{served.ids['fact']}").json()["runs"]
    tab.goto("/compare?runs=" + ",".join(run["id"] for run in runs))
    first = tab.locator(".pick a").first
    first.hover()
    same = tab.locator(f"[data-seq='{first.get_attribute('data-seq')}']")
    assert same.count() >= 3
    for place in range(same.count()):
        expect(same.nth(place)).to_have_class(re.compile(r"\bon\b"))


def test_the_chooser_takes_two_to_four_runs(tab: Page) -> None:
    tab.goto("/compare")
    button = tab.locator("form[data-chooser] button[type=submit]")
    expect(button).to_be_disabled()
    boxes = tab.locator("form[data-chooser] input")
    boxes.nth(1).check()
    boxes.nth(2).check()
    expect(button).to_have_text("Compare 2 runs")
    button.click()
    expect(tab.locator(".column")).to_have_count(2)


def test_a_chosen_theme_stays_and_never_flashes(chrome: Browser, served: Served) -> None:
    with opened(chrome, served.address) as page:
        page.goto("/")
        paper = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(paper)
        page.get_by_role("button", name="Use the dark theme").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        dark = page.evaluate(paper)
        assert dark != light
        page.add_init_script(
            "new MutationObserver((_, o) => { if (document.body) { o.disconnect(); "
            "window.first = document.documentElement.dataset.theme } })"
            ".observe(document, {childList: true, subtree: true})"
        )
        page.goto("/about")
        assert page.evaluate(paper) == dark
        assert page.evaluate("window.first") == "dark", "the theme is set before the body is there"


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until the element has the focus, and sees that the focus shows."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{selector} has no visible focus"
            return
    raise AssertionError(f"Tab never reaches {selector}")


def test_the_way_from_the_gallery_to_a_sequence_and_on_by_keyboard_alone(tab: Page) -> None:
    tab.goto("/")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    tab_to(tab, ".groups .ask")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/queries/*")
    tab_to(tab, ".open")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/sequences/*")
    first = tab.url
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("[data-pos='1']")).to_have_class(re.compile("sel"))
    tab.keyboard.press("j")
    tab.wait_for_url(lambda url: "/sequences/" in url and url != first)
    tab.keyboard.press("k")
    tab.wait_for_url(first)
    tab_to(tab, "summary")


def test_without_scripts_everything_but_live_progress_works(chrome: Browser, served: Served) -> None:
    with opened(chrome, served.address, script=False) as page:
        page.goto("/queries/new")
        page.get_by_label("Prompt").fill("Without a script:")
        page.get_by_label("Completion").fill("Velm")
        follow(page, page.get_by_role("button", name="Show the tokens"))
        expect(page.locator("#previews .k.c")).not_to_have_count(0)
        follow(page, page.get_by_role("button", name="Find the sequences"))
        page.wait_for_url(re.compile(r"/queries/\w{10}$"))
        path = urlsplit(page.url).path
        for run in page.request.get(f"{path}.json").json()["runs"]:
            change(served, run["id"], "done")
        page.reload()
        expect(page.locator("ol > .row")).to_have_count(12)
        follow(page, page.get_by_role("link", name="Compare models"))
        expect(page.locator(".column")).to_have_count(3)
        page.go_back()
        follow(page, page.locator(".open").first)
        page.get_by_text("All numbers, by token and layer").click()
        follow(page, page.get_by_role("link", name="The table, on a page of its own"))
        expect(page.locator("[data-grid-table] tbody tr").first).to_be_visible()
        page.goto("/compare")
        page.locator("form[data-chooser] input").nth(0).check()
        page.locator("form[data-chooser] input").nth(1).check()
        follow(page, page.get_by_role("button", name="Compare the chosen runs"))
        expect(page.locator(".column")).to_have_count(2)


def test_a_form_that_cannot_be_used_comes_back_with_its_text_and_the_error_at_its_field(tab: Page) -> None:
    tab.goto("/queries/new")
    tab.get_by_label("Prompt").fill("Kept when refused")
    tab.get_by_role("button", name="Find the sequences").click()
    field = tab.get_by_label("Completion")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(tab.locator("#completion-error")).to_contain_text("completion")
    expect(tab.get_by_label("Prompt")).to_have_value("Kept when refused")
