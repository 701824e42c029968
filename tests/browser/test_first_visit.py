"""A first visit in a real browser: from the gallery to a read result, and the status that renews itself."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.models import Query, Run, Worker
from tests.browser.conftest import follow, opened, serving
from tests.web.filling import Asked, add_catalog, add_query, unfinished

pytestmark = pytest.mark.browser


def test_a_first_visit_leads_in_two_clicks_from_the_gallery_to_a_read_sequence(tab: Page) -> None:
    tab.goto("/")
    line = tab.locator(".groups .line").first
    expect(line.locator(".num")).to_have_text("+1.050")
    shown = line.locator(".tx .t").first.inner_text()
    follow(tab, line)
    expect(tab).to_have_url(re.compile("/sequences/"))
    expect(tab.locator(".full .t").filter(has_text=shown.strip()).first).to_be_visible()
    tab.go_back()
    follow(tab, tab.locator(".groups .ask").first)
    expect(tab.locator("ol > .row")).to_have_count(50)


def test_the_status_puts_in_what_changed_and_leaves_the_rest_alone(chrome: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, lambda session: add_catalog(session)) as site, opened(chrome, site.address) as page:
        page.goto("/status")
        expect(page.locator("[data-status] .lede")).to_contain_text("All is quiet")
        page.locator("a[href='/models']", has_text="ready").focus()
        page.evaluate("document.querySelector('h1').dataset.same = 'yes'")
        with site.sessions() as session:
            add_query(session, Asked("The longest river is", "Clamar", states={"small": "queued"}))
            unfinished(session.scalars(select(Run)).one(), "running")
            session.scalars(select(Run)).one().state = "running"
            session.scalars(select(Worker)).one().busy = True
            session.commit()
        expect(page.locator(".asked")).to_contain_text("The longest river is Clamar")
        expect(page.locator(".state-line")).to_contain_text("1 busy")
        assert page.locator("h1").get_attribute("data-same") == "yes", "the page was loaded anew"
        expect(page.locator(":focus")).to_have_text("3 of 3 ready")
        with site.sessions() as session:
            session.delete(session.scalars(select(Query)).one())
            session.commit()
        expect(page.locator("[data-status] .lede")).to_contain_text("All is quiet")
        expect(page.locator(".asked")).to_have_count(0)
