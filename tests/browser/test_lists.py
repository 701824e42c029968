"""A list is searched, ordered and walked in a real browser, with scripts and without."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served, follow, opened

pytestmark = pytest.mark.browser


def shown(page: Page) -> list[str]:
    """The rows on screen, by their ids."""
    return [str(row.get_attribute("id")) for row in page.locator("li.row").all()]


def test_a_list_is_chosen_at_once_read_by_keyboard_and_left_as_it_was(tab: Page, served: Served) -> None:
    tab.goto(f"/queries/{served.ids['fact']}?model=large")
    tab.keyboard.press("/")
    tab.keyboard.type("ruler")
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile(r"\?model=large&find=ruler$"))
    expect(tab.locator("mark").first).to_have_text(re.compile("ruler"))
    tab.get_by_label("sort by").select_option("length")
    tab.wait_for_url(re.compile(r"\?model=large&find=ruler&sort=length$"))
    chosen = shown(tab)
    assert 0 < len(chosen) < 50
    for _ in range(3):
        tab.keyboard.press("j")
    tab.keyboard.press("k")
    expect(tab.locator(f"#{chosen[1]} a.open")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile(r"/sequences/\d+\?run="))
    tab.go_back()
    assert shown(tab) == chosen
    expect(tab.get_by_role("searchbox")).to_have_value("ruler")
    tab.get_by_role("link", name="show all").click()
    expect(tab.locator("li.row")).to_have_count(50)


def test_without_a_script_the_form_is_sent_by_its_button(chrome: Browser, served: Served) -> None:
    with opened(chrome, served.address, script=False) as page:
        page.goto(f"/queries/{served.ids['fact']}?model=large")
        page.get_by_label("hide spurious").check()
        follow(page, page.get_by_role("button", name="Apply"))
        expect(page.locator(".told")).to_contain_text("hide spurious is on")
        assert "spurious: one token" not in (page.locator("ol").first.text_content() or "")


def test_the_colours_of_the_paper_are_remembered(tab: Page, served: Served) -> None:
    red = "getComputedStyle(document.querySelector('.score .pos')).fill"
    tab.goto(f"/queries/{served.ids['fact']}")
    standard = tab.evaluate(red)
    follow(tab, tab.get_by_role("link", name="the paper's"))
    paper = tab.evaluate(red)
    assert paper != standard
    tab.goto(f"/queries/{served.ids['capital']}")
    assert tab.evaluate(red) == paper
    expect(tab.locator(".side")).to_contain_text("Red speaks for the completion, teal with dots", use_inner_text=True)
    follow(tab, tab.get_by_role("link", name="blue and orange"))
    assert tab.evaluate(red) == standard
