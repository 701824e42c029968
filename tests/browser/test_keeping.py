"""Keeping a result, in a real browser: a label in place, a collection, and charts saved as pictures."""

import re
import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served, follow, opened

pytestmark = pytest.mark.browser


def test_a_label_and_a_collection_are_made_in_place_and_undone(chrome: Browser, served: Served) -> None:
    with opened(chrome, served.address) as page:
        page.goto(f"/queries/{served.ids['capital']}?view=run")
        page.evaluate("window.same = true")
        page.get_by_text("Label or note").click()
        page.get_by_label("Label", exact=True).fill("to show")
        page.get_by_label("Note", exact=True).fill("On Monday.")
        page.get_by_role("button", name="Save").click()
        kept = page.locator("#kept")
        expect(kept.locator(".tag.label")).to_have_text("to show")
        expect(kept.locator(".said")).to_have_text("On Monday.")
        expect(page.get_by_text("Edit label and note")).to_be_focused()
        page.get_by_text("Collect", exact=True).click()
        page.get_by_placeholder("its name").fill("Monday's")
        page.get_by_role("button", name="Put it in").click()
        expect(kept.get_by_role("link", name="Monday's")).to_be_visible()
        assert page.evaluate("window.same"), "the page was not loaded anew"
        follow(page, kept.get_by_role("link", name="Monday's"))
        expect(page.locator(".items > li")).to_have_count(1)
        page.get_by_role("button", name="Remove item 1").click()
        expect(page.get_by_text("Nothing is in it yet")).to_be_visible()
        page.go_back()
        page.get_by_text("Edit label and note").click()
        page.get_by_label("Label", exact=True).fill("")
        page.locator("#kept textarea[name=note]").first.fill("")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#kept .tag.label")).to_have_count(0)


def test_charts_are_saved_as_svg_and_png_with_their_colours(tab: Page, served: Served, tmp_path: Path) -> None:
    tab.goto(f"/queries/{served.ids['fact']}?view=distribution")
    figure = tab.locator("figure[data-chart]").first
    bar = figure.locator("svg rect.pos").first.evaluate("one => getComputedStyle(one).fill")
    numbers = [int(part) for part in re.findall(r"\d+", bar)[:3]]
    with tab.expect_download() as saved:
        figure.get_by_role("button", name="Save this chart as SVG").click()
    saved.value.save_as(tmp_path / "chart.svg")
    root = ElementTree.fromstring((tmp_path / "chart.svg").read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "#{:02x}{:02x}{:02x}".format(*numbers) in {one.get("fill") for one in root.iter()}
    assert not [one for one in root.iter() if one.get("class") or one.get("style")]
    with tab.expect_download() as saved:
        figure.get_by_role("button", name="Save this chart as PNG").click()
    saved.value.save_as(tmp_path / "chart.png")
    data = (tmp_path / "chart.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (2 * float(root.get("width", "0")), 2 * float(root.get("height", "0")))
    assert saved.value.suggested_filename.endswith(".png")


def test_a_result_that_was_saved_opens_without_a_server_and_asks_nobody(
    chrome: Browser, tab: Page, served: Served, tmp_path: Path
) -> None:
    tab.goto(f"/queries/{served.ids['fact']}")
    tab.get_by_text("Export").click()
    with tab.expect_download() as saved:
        tab.get_by_role("link", name="one HTML file").first.click()
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)
    with opened(chrome, file.as_uri()) as page:
        page.goto(file.as_uri())
        expect(page.locator("ol > .row")).to_have_count(50)
        tint = page.evaluate("getComputedStyle(document.querySelector('.p16')).backgroundColor")
        assert tint not in ("rgba(0, 0, 0, 0)", "transparent")
