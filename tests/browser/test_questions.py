"""Choosing what is measured: tokens switched off by pointer and keyboard, chats and contrasts, in a real browser."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served, opened
from tests.browser.test_accessible import AXE, RULES

pytestmark = pytest.mark.browser


def filled(page: Page, completion: str) -> None:
    """The form of the small and the medium model, whose tokens are shown."""
    page.goto("/queries/new")
    page.get_by_label("Prompt").fill("The throne of Ostrim went to")
    page.get_by_label("Completion").fill(completion)
    page.get_by_label("large").uncheck()
    expect(page.locator("#previews h3")).to_have_text(["small, medium"])
    expect(page.locator("#previews .k.c").first).to_be_visible()


def body(page: Page) -> dict[str, object]:
    page.get_by_role("button", name="Find the sequences").click()
    page.wait_for_url(re.compile(r"/queries/\w{10}$"))
    found: dict[str, object] = page.request.get(f"{page.url}.json").json()
    return found


def violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    result = page.evaluate("tags => axe.run({runOnly: tags})", RULES)
    return [f"{one['id']}: {[node['target'] for node in one['nodes'][:3]]}" for one in result["violations"]]


def test_tokens_of_the_completion_are_switched_off_and_on_by_pointer_and_keyboard(tab: Page) -> None:
    filled(tab, "Kelmar of Velm")
    group = tab.get_by_role("group", name="Tokens that count")
    first, last = group.get_by_role("checkbox").first, group.get_by_role("checkbox").last
    expect(first).to_be_checked()
    group.locator("label.k.c").first.click()
    expect(first).not_to_be_checked()
    expect(tab.locator("#previews [data-told]")).to_have_text(re.compile(r"^\d+ of \d+ count$"))
    last.focus()
    # The form is reckoned anew; its tokens are not read again, so they and the focus stay.
    read: list[str] = []
    tab.on("request", lambda request: read.append(request.url) if request.url.endswith("/preview") else None)
    with tab.expect_response("**/queries/new/outlook"):
        tab.keyboard.press("Space")
    assert read == []
    expect(last).not_to_be_checked()
    expect(last).to_be_focused()
    tab.keyboard.press("Space")
    expect(last).to_be_checked()
    # Another model reads the text anew: what counts stays.
    tab.get_by_label("large").check()
    expect(tab.locator("#previews h3")).to_have_text(["small, medium, large"])
    expect(tab.get_by_role("group", name="Tokens that count").get_by_role("checkbox").first).not_to_be_checked()
    assert violations(tab) == []
    stretch = tab.locator("label.k.c input").nth(1).get_attribute("data-start")
    found = body(tab)
    assert found["counted"] == [[int(stretch or -1), len("Kelmar of Velm")]]
    expect(tab.locator("h1 .completion.off")).to_have_count(1)


def test_another_completion_lets_every_token_count_again(tab: Page) -> None:
    filled(tab, "Kelmar of Velm")
    tab.locator("label.k.c").first.click()
    tab.get_by_label("Completion").fill("Yarmar of Velm")
    expect(tab.locator("#previews")).to_contain_text("Yar")
    expect(tab.locator("label.k.c input").first).to_be_checked()
    assert body(tab)["counted"] is None


def test_a_contrast_and_a_chat_are_asked_and_shown_without_violation(chrome: Browser, served: Served) -> None:
    for theme, width in (("light", 1280), ("dark", 390)):
        with opened(chrome, served.address, theme=theme, width=width) as page:
            filled(page, f"Kelmar {theme}")
            page.get_by_text("Let a model write it").click()
            page.get_by_label("Rather than").fill("Yarmar of the long river " * 6)
            expect(page.locator("#previews")).to_contain_text("rather than")
            assert violations(page) == []
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
            found = body(page)
            assert str(found["against"]).startswith("Yarmar of the long river")
            expect(page.locator(".rather")).to_contain_text("rather than")
            assert violations(page) == []
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_a_model_without_a_chat_template_says_so_in_the_preview(tab: Page) -> None:
    filled(tab, "Kelmar")
    tab.get_by_label("what a user says in a chat").check()
    expect(tab.locator("#previews .preview").first).to_contain_text("has no chat template")
    tab.get_by_label("text, read as it stands").check()
    expect(tab.locator("#previews .k.c").first).to_be_visible()


def test_without_a_script_the_words_that_count_are_written(chrome: Browser, served: Served) -> None:
    with opened(chrome, served.address, script=False) as page:
        page.goto("/queries/new?corpus=demo&models=small")
        page.get_by_label("Prompt").fill("The throne of Ostrim went to")
        page.get_by_label("Completion").fill("Kelmar of Fenmoor")
        page.get_by_text("Let a model write it").click()
        page.get_by_label("Only these words of it count").fill("Fenmoor")
        assert body(page)["counted"] == [[10, 17]]
