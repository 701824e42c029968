"""Comparing and asking many, in a real browser."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from app.services.record import record
from tests.browser.conftest import Served, follow
from tests.web.filling import answer

pytestmark = pytest.mark.browser


def runs_of(tab: Page, served: Served, name: str) -> dict[str, str]:
    body = tab.request.get(f"{served.address}/api/v1/queries/{served.ids[name]}").json()
    return {run["model"]: run["id"] for run in body["runs"]}


def test_a_side_is_changed_in_place_and_keys_walk_through_the_columns(tab: Page, served: Served) -> None:
    runs, spanish = runs_of(tab, served, "fact"), runs_of(tab, served, "spanish")
    tab.goto(f"/compare?runs={runs['small']},{runs['large']}&by=rank")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    focused = "[...document.querySelectorAll('.column')].findIndex((one) => one.contains(document.activeElement))"
    key = "document.activeElement.dataset.seq"
    assert tab.evaluate(focused) == 0
    before = tab.evaluate(key)
    tab.keyboard.press("l")
    assert tab.evaluate(focused) == 1
    assert tab.evaluate(key) == before or tab.locator(f".column:nth-of-type(2) [data-seq='{before}']").count() == 0
    # The same sequence is marked in the other column, in the curve, and in the chart where lists and chart are.
    marked = tab.evaluate(key)
    for one in tab.locator(f"[data-seq='{marked}']").all():
        expect(one).to_have_class(re.compile(r"\bon\b"))
    follow(tab, tab.get_by_role("link", name="Agreement"))
    row = tab.locator(".held-lists a[data-seq]").first
    row.hover()
    dot = tab.locator(f".scattered :is(circle, .only)[data-seq='{row.get_attribute('data-seq')}']")
    expect(dot).to_have_class(re.compile(r"\bon\b"))

    tab.get_by_label("What stands in column 1").select_option(spanish["small"])
    follow(tab, tab.get_by_role("button", name="Show the chosen"))
    expect(tab.locator("h1")).to_have_text("Two questions side by side")
    address = urlsplit(tab.url)
    assert address.query == f"runs={spanish['small']}%2C{runs['large']}&by=rank&view=agreement"
    tab.go_back()
    expect(tab.locator(".asks-of")).to_have_count(0)
    follow(tab, tab.get_by_role("link", name="Side by side"))
    tab.locator("#add").select_option(runs["medium"])
    follow(tab, tab.get_by_role("button", name="Show the chosen"))
    expect(tab.locator(".column")).to_have_count(3)
    follow(tab, tab.get_by_role("link", name="Remove large"))
    expect(tab.locator(".column")).to_have_count(2)


def test_a_file_is_checked_asked_and_watched_until_all_is_answered(tab: Page, served: Served, tmp_path: Path) -> None:
    file = tmp_path / "mills.csv"
    file.write_text("prompt,completion\nThe mill of Velm is,old\n,old\nThe mill of Ostrim is,new\n")
    tab.goto("/queries/new")
    follow(tab, tab.get_by_role("link", name="Many at once, from a file"))
    tab.locator("#file").set_input_files(file)
    for model in ("medium", "large"):
        tab.get_by_label(model).uncheck()
    tab.get_by_role("button", name="Check the file").click()
    expect(tab.locator("#checked h2")).to_have_text("1 row of 3 cannot be asked")
    tab.get_by_label("Leave out the 1 bad row").check()
    follow(tab, tab.get_by_role("button", name="Ask 2 queries"))
    expect(tab.locator("h1")).to_have_text("mills.csv")
    expect(tab.locator(".states")).to_contain_text("2 queued")
    rows = tab.request.get(f"{tab.url}.json").json()["rows"]
    for row in rows:
        with served.sessions() as session:
            record(session, answer(row["runs"][0]["id"], "small", 1, 12))
    # The page renews itself, without being loaded anew.
    tab.evaluate("window.same = true")
    expect(tab.locator(".states")).to_contain_text("2 done")
    expect(tab.locator(".rundown .first")).to_have_count(2)
    assert tab.evaluate("window.same") is True
    follow(tab, tab.locator(".rundown .first").first)
    expect(tab).to_have_url(re.compile(r"/sequences/\d+\?run="))
