"""A sequence read by keys alone, and a check followed from its button to its words."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from app.database import writing
from app.models import Check
from tests.browser.conftest import Served
from tests.web.checked import COUNTERFACTUAL

pytestmark = pytest.mark.browser


def sequence(tab: Page, served: Served, place: int) -> str:
    """The address of a sequence of the large model's list."""
    query = served.ids["fact"]
    run = tab.request.get(f"/api/v1/queries/{query}").json()["runs"][-1]["id"]
    rows = tab.request.get(f"/api/v1/runs/{run}/influences").json()["rows"]
    return f"/queries/{query}/sequences/{rows[place]['sequence_id']}?run={run}"


def test_a_sequence_is_read_by_keys_alone_and_one_list_tells_them(tab: Page, served: Served) -> None:
    tab.goto(sequence(tab, served, 5) + "&read=sentence")
    tokens = tab.locator("[data-pos]")
    readout = tab.locator("[data-readout]")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("[data-pos='1']")).to_have_class(re.compile(r"\bsel\b"))
    expect(tab.locator("[data-pos='2']")).to_have_class(re.compile(r"\bnxt\b"))
    # The sentence around the token is told with its sum.
    expect(readout).to_contain_text("sentence “")
    tab.locator("[data-grid] .scroll").focus()
    tab.keyboard.press("ArrowDown")
    expect(readout).to_contain_text("layer 6")
    tab.keyboard.press("End")
    expect(tokens.last).to_have_class(re.compile(r"\bsel\b"))
    expect(readout).to_contain_text("nothing: it is the last")
    tab.keyboard.press("Home")
    expect(tokens.first).to_have_class(re.compile(r"\bsel\b"))
    tab.keyboard.press("Escape")
    expect(tab.locator(".sel")).to_have_count(0)

    tab.keyboard.press("?")
    listed = tab.get_by_role("dialog", name="Keyboard")
    expect(listed).to_contain_text("along the tokens")
    expect(listed).to_contain_text("the next sequence")
    # While the list is open the keys are its own.
    here = tab.url
    tab.keyboard.press("j")
    assert tab.url == here
    tab.keyboard.press("Escape")
    expect(listed).not_to_be_visible()
    tab.keyboard.press("j")
    tab.wait_for_url(lambda url: url != here)
    assert "read=sentence" in tab.url
    tab.get_by_role("button", name="Keyboard").click()
    expect(listed).to_be_visible()
    tab.keyboard.press("Escape")
    # What is typed into a field is text.
    here = tab.url
    tab.get_by_text("Edit this text and score it again").click()
    tab.get_by_label("Text of the edited version").press_sequentially("jk?")
    expect(listed).not_to_be_visible()
    assert tab.url == here


def put(served: Served, key: str | None, **fields: object) -> None:
    """Changes a check as a worker does."""
    with writing(served.sessions) as session:
        row = session.get_one(Check, key)
        for name, value in fields.items():
            setattr(row, name, value)


def asked(tab: Page, served: Served, place: int) -> tuple[Locator, str | None]:
    """A check that was asked for with its button: its part of the page, and its id."""
    tab.goto(sequence(tab, served, place))
    tab.get_by_role("button", name="Check it").click()
    tab.wait_for_url("**#checks")
    box = tab.locator("#checks")
    expect(box).to_contain_text("waiting for a worker")
    return box, box.get_attribute("data-check")


RUNNING = {"state": "running", "stage": "solving", "total": 48}
DONE = {"state": "done", "result": COUNTERFACTUAL, "seconds": 12.0, "device": "cpu"}
TOLD = "The direction is right, the size is overstated 12 times."


def test_a_check_is_followed_from_its_button_to_its_words(tab: Page, served: Served) -> None:
    asks: list[str] = []
    tab.on("request", lambda request: asks.append(request.url) if "/checks" in request.url else None)
    box, key = asked(tab, served, 6)
    put(served, key, **RUNNING, done=12)
    expect(box).to_contain_text("re-optimising with and without the sequence")
    expect(box.locator("progress")).to_have_attribute("value", "12")
    put(served, key, **DONE)
    expect(box).to_contain_text(TOLD)
    expect(box.get_by_role("row", name=re.compile("a copy less"))).to_contain_text("−0.520")
    # One stream told all of it; nothing was polled.
    assert [url for url in asks if "/api/" in url and "/checks/events?after=" not in url] == []
    assert sum("/checks/events?after=" in url for url in asks) == 1


def test_a_check_is_followed_on_after_its_stream_broke(tab: Page, served: Served) -> None:
    box, key = asked(tab, served, 7)
    put(served, key, **RUNNING, done=12)
    expect(box.locator("progress")).to_have_attribute("value", "12")
    served.stop()
    put(served, key, **RUNNING, done=24)
    served.start()
    expect(box.locator("progress")).to_have_attribute("value", "24")
    put(served, key, **DONE)
    expect(box).to_contain_text(TOLD)


def test_where_no_stream_can_be_opened_a_check_is_polled(tab: Page, served: Served) -> None:
    tab.route("**/checks/events**", lambda route: route.fulfill(status=502, body="no streams here"))
    box, key = asked(tab, served, 8)
    put(served, key, **RUNNING, done=36)
    expect(box.locator("progress")).to_have_attribute("value", "36")
    put(served, key, **DONE)
    expect(box).to_contain_text(TOLD)
