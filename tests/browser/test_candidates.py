"""Candidates and one text under several models, walked through in a real browser."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served, follow, opened

pytestmark = pytest.mark.browser


def test_writing_candidates_chooses_their_scope(tab: Page) -> None:
    tab.goto("/queries/new")
    scope = tab.locator("input[name=scope][value=candidates]")
    expect(scope).not_to_be_checked()
    tab.get_by_label("Candidates, one text a line").fill("one text\nanother")
    expect(scope).to_be_checked()


def test_without_a_script_a_sequence_is_edited_and_scored_beside_itself(chrome: Browser, served: Served) -> None:
    with opened(chrome, served.address, script=False, width=390) as page:
        page.goto(f"/queries/{served.ids['fact']}?model=large")
        follow(page, page.locator(".open").first)
        page.get_by_text("Edit this text and score it again").click()
        box = page.get_by_label("Text of the edited version")
        before = box.input_value()
        follow(page, page.get_by_role("button", name="Score both versions"))
        expect(page.locator("#text-error")).to_contain_text("This text is there already")
        page.get_by_label("Text of the edited version").fill(f"{before} And more.")
        follow(page, page.get_by_role("button", name="Score both versions"))
        page.wait_for_url(re.compile(r"/queries/\w{10}$"))
        view = page.request.get(f"{page.url}.json").json()
        assert view["candidates"]["texts"] == 2
        assert [run["model"] for run in view["runs"]] == ["large"]


def test_a_version_is_changed_again_from_beside_the_others(tab: Page, served: Served) -> None:
    tab.goto(f"/queries/{served.ids['versions']}?model=large")
    expect(tab.locator(".version")).to_have_count(3)
    expect(tab.locator("#candidate-2 .new")).not_to_have_count(0)
    expect(tab.locator("#candidate-1 .new")).to_have_count(0)
    follow(tab, tab.locator("#candidate-3").get_by_role("link", name="Change"))
    box = tab.get_by_label("Text of the new version")
    expect(box).to_have_value("Kelmar was the first to rule Rosthaar.")
    box.fill("Kelmar was the very first to rule Rosthaar.")
    follow(tab, tab.get_by_role("button", name="Score this version too"))
    tab.wait_for_url(re.compile(r"/queries/\w{10}$"))
    assert tab.request.get(f"{tab.url}.json").json()["candidates"]["texts"] == 4


def test_the_characters_of_a_token_show_under_the_other_model_whatever_its_tokens(tab: Page, served: Served) -> None:
    runs = tab.request.get(f"/api/v1/queries/{served.ids['versions']}").json()["runs"]
    tab.goto("/compare?view=text&runs=" + ",".join(run["id"] for run in runs))
    by_model = {run["model"]: place for place, run in enumerate(runs)}
    words, threes = (tab.locator(".same-column").nth(by_model[name]) for name in ("large", "small"))
    token = words.locator("[data-a]", has_text=re.compile(r"^ ruler$"))
    start, stop = (int(token.get_attribute(name) or "") for name in ("data-a", "data-b"))
    token.hover()
    expect(words.locator(".sel")).to_have_text([" ruler"])
    lit = threes.locator(".sel")
    # By hand: every token of three characters that shares one with the word.
    expect(lit).to_have_count(-(-stop // 3) - start // 3)
    assert " ruler" in "".join(lit.all_text_contents())
    values = [float(value or "") for value in lit.evaluate_all("spans => spans.map((span) => span.dataset.v)")]
    told = (threes.locator("[data-told]").text_content() or "").replace("\u2212", "-")
    exponents = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    found = re.search(r"in (\d+) tokens: ([+-][\d.e-]+)$", told.replace("×10", "e").translate(exponents))
    assert found is not None
    assert int(found[1]) == len(values)
    assert float(found[2]) == pytest.approx(sum(values), rel=0.05, abs=6e-4)
    token.click()
    tab.locator("h1").hover()
    expect(words.locator(".sel")).to_have_text([" ruler"])
    tab.keyboard.press("Escape")
    expect(tab.locator(".sel")).to_have_count(0)


def test_the_same_text_is_read_by_arrow_keys(tab: Page, served: Served) -> None:
    runs = tab.request.get(f"/api/v1/queries/{served.ids['versions']}").json()["runs"]
    tab.goto("/compare?view=text&runs=" + ",".join(run["id"] for run in runs))
    group = tab.locator(".same-column [role=group]").first
    group.focus()
    for _ in range(2):
        tab.keyboard.press("ArrowRight")
    expect(group.locator("[data-a]").nth(1)).to_have_class(re.compile(r"\bsel\b"))
    expect(group.locator(".sel")).to_have_count(1)


def test_another_text_of_the_comparison_has_an_address(tab: Page, served: Served) -> None:
    runs = tab.request.get(f"/api/v1/queries/{served.ids['fact']}").json()["runs"]
    tab.goto("/compare?view=table&runs=" + ",".join(run["id"] for run in runs))
    link = tab.locator(".joined tbody tr").nth(5).locator("td.text a")
    text = (link.text_content() or "").replace("↵", "").strip()
    follow(tab, link)
    expect(tab).to_have_url(re.compile(r"&view=text&at=\d-\d+$|[?&]at=\d-\d+&view=text$"))
    shown = tab.locator(".same-column .tx").first
    expect(shown).to_be_visible()
    assert text[:40] in (shown.text_content() or "").replace("↵", "").replace("\n", "")
    here = tab.url
    with tab.expect_event("load"):
        tab.keyboard.press("j")
    expect(tab).not_to_have_url(here)
    tab.keyboard.press("k")
    expect(tab).to_have_url(here)
