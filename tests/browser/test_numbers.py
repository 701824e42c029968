"""Numbers that scripts write read as those that the server writes."""

import pytest
from playwright.sync_api import Page

from app.web import words
from tests.browser.conftest import Served

pytestmark = pytest.mark.browser
VALUES = [0.0, 1.0494, -0.145, 0.0095, 0.00949, 0.00213, -0.0000213, 9.6e-5, 1.8e-20, 999.4, 12345.6, -3.21e9, 1e7]


def test_a_script_writes_a_score_as_the_server_does(tab: Page, served: Served) -> None:
    tab.goto(f"/queries/{served.ids['running']}")
    shown = tab.evaluate(
        """async (values) => {
            const preloaded = [...document.querySelectorAll("link[rel=modulepreload]")].map((link) => link.href);
            const { signed } = await import(preloaded.find((address) => address.endsWith("/numbers.js")));
            return values.map(signed);
        }""",
        VALUES,
    )
    assert shown == [words.signed(value) for value in VALUES]
