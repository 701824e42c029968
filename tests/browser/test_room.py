"""What stands on a page has room: nothing hides under a bar that stays, and no menu or table breaks the width."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served, opened

pytestmark = pytest.mark.browser

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNDER = """selector => {
  const bar = document.querySelector(".sticky"), place = document.querySelector(selector).getBoundingClientRect();
  return getComputedStyle(bar).position === "sticky" && place.top < bar.getBoundingClientRect().bottom;
}"""
COVERED = """() => {
  const bar = document.querySelector(".stay"), focused = document.activeElement;
  return !bar.contains(focused) && focused.getBoundingClientRect().bottom > bar.getBoundingClientRect().top + 1;
}"""


# An address with a place in it is jumped to when the page is next drawn.
DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


def runs(page: Page, query: str) -> list[str]:
    """The ids of a query's runs."""
    return [str(run["id"]) for run in page.request.get(f"/api/v1/queries/{query}").json()["runs"]]


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_jumped_to_does_not_lie_under_the_bar(chrome: Browser, served: Served, width: int) -> None:
    with opened(chrome, served.address, width=width) as page:
        query = served.ids["fact"]
        compared = f"/compare?runs={','.join(runs(page, query))}"
        for address, place in ((f"/queries/{query}", "#rank-20"), (f"{compared}&view=agreement", "#held")):
            page.goto(f"{address}{place}")
            expect(page.locator(place)).to_be_in_viewport()
            page.evaluate(DRAWN)
            assert page.evaluate("scrollY") > 0
            assert not page.evaluate(UNDER, place), address


def test_what_has_the_focus_does_not_lie_under_the_button_that_stays(tab: Page) -> None:
    tab.goto("/compare")
    seen = 0
    for _ in range(30):
        tab.keyboard.press("Tab")
        seen += bool(tab.evaluate("document.activeElement.matches('.chooser input')"))
        assert not tab.evaluate(COVERED)
    assert seen > 10, "the tab key went through the choices"


@pytest.mark.parametrize("width", [390, 1280])
def test_an_open_menu_does_not_widen_the_page(chrome: Browser, served: Served, width: int) -> None:
    with opened(chrome, served.address, width=width) as page:
        query = served.ids["fact"]
        form: dict[str, str | float | bool] = {
            "query": query,
            "name": "A collection with a long name, so that the menus behind it stand far right",
        }
        assert page.request.post("/collections/items", form=form).ok
        page.goto(f"/queries/{query}")
        for menu in page.locator(".menu").all():
            menu.locator("> summary").click()
            expect(menu).to_have_attribute("open", "")
            assert page.evaluate(WIDER) == 0


def test_on_a_phone_the_line_gives_a_question_the_whole_width(chrome: Browser, served: Served) -> None:
    with opened(chrome, served.address, width=390) as page:
        page.goto("/status")
        box = page.locator(".queue th[scope=row]").first.bounding_box()
        assert box is not None
        assert box["width"] > 300
