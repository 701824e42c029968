"""Chats, contrasts, tokens that count, written completions: through the form, the API and the pages."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest

from app.database import writing
from app.models import Model, Query
from app.services import results
from tests.web.conftest import Site
from tests.web.filling import SCRIPT, answer

HTML = {"accept": "text/html"}
TEMPLATE = (
    "{% for message in messages %}{{ message.role + ': ' + message.content + '\n' }}{% endfor %}{{ 'assistant:\n' }}"
)
FORM: dict[str, Any] = {
    "prompt": "The first ruler of Rosthaar was",
    "completion": "Kelmar of Velm",
    "models": ["small"],
    "corpus": "demo",
}


@pytest.fixture
def chatty(new_site: Site) -> Site:
    """A site whose small model has a chat template."""
    with writing(new_site.sessions) as session:
        session.get_one(Model, "small").chat_template = TEMPLATE
    return new_site


def sent(site: Site, **changed: Any) -> str:
    """The address that the form leads to."""
    made = site.client.post("/queries", data={**FORM, **changed}, follow_redirects=False, headers=HTML)
    assert made.status_code == 303, made.text
    return str(made.headers["location"])


def page(site: Site, address: str) -> str:
    found = site.client.get(address, headers=HTML)
    assert found.status_code == 200
    return found.text


def read(site: Site, address: str) -> dict[str, Any]:
    body: dict[str, Any] = site.client.get(f"{address}.json").json()
    return body


def finished(site: Site, address: str, log_p: float = -1.5, against: float | None = None) -> str:
    """Record an answer of the query's first run; the run's id."""
    [run, *_] = read(site, address)["runs"]
    with site.sessions() as session:
        made = answer(run["id"], run["model"], 1, 12)
        assert results.record(session, replace(made, log_p=log_p, log_p_against=against))
    return str(run["id"])


def test_a_chat_is_shown_as_a_chat_and_each_text_is_escaped(chatty: Site) -> None:
    address = sent(chatty, format="chat", system=f"Be brief. {SCRIPT}", prompt="Who rules?", against=f"{SCRIPT}!")
    text = page(chatty, address)
    turns = re.findall(r'<span class="turn"><small>(\w+)</small>(.*?)</span>', text)
    assert [role for role, _ in turns] == ["system", "user", "assistant"]
    assert html.unescape(turns[0][1]) == f"Be brief. {SCRIPT}"
    assert SCRIPT not in text
    body = read(chatty, address)
    assert (body["format"], body["system"], body["against"]) == ("chat", f"Be brief. {SCRIPT}", f"{SCRIPT}!")


def test_a_contrast_shows_both_log_p_and_their_difference(new_site: Site) -> None:
    address = sent(new_site, against="Yarmar")
    run = finished(new_site, address, log_p=-1.5, against=-4.25)
    text = page(new_site, address)
    assert re.search(r"log p <strong[^>]*>−1.500</strong> against <strong[^>]*>−4.250</strong>", text)
    assert re.search(r"difference <strong[^>]*>\+2.750</strong>", text)
    assert "raise log p of the first completion more than that of the second" in text
    [shown] = read(new_site, address)["runs"]
    assert (shown["log_p"], shown["log_p_against"]) == (-1.5, -4.25)
    assert "--against Yarmar" in new_site.client.get(f"/api/v1/runs/{run}").json()["provenance"]["command"]


def test_words_that_count_are_found_in_the_completion_and_marked(new_site: Site) -> None:
    address = sent(new_site, completion="Kelmar, Kelmar of Velm", count="Kelmar")
    assert read(new_site, address)["counted"] == [[0, 6], [8, 14]]
    parts = re.findall(r'<span class="completion( off)?">(.*?)</span>', page(new_site, address))
    assert parts == [("", "Kelmar"), (" off", ", "), ("", "Kelmar"), (" off", " of Velm")]


def test_several_completions_are_queries_that_know_of_one_another(new_site: Site) -> None:
    form = {**FORM, "completions": ["Yarmar", "Kelros", "Yarmar"]}
    body = new_site.client.post("/api/v1/queries", json=form).json()
    addresses = [body["url"], *(other["url"] for other in body["also"])]
    assert [read(new_site, address)["completion"] for address in addresses] == ["Kelmar of Velm", "Yarmar", "Kelros"]
    text = page(new_site, addresses[1])
    assert all(f'href="{address}?model=small"' in text for address in (addresses[0], addresses[2]))
    assert "compare them" not in text
    runs = [finished(new_site, address) for address in addresses[:2]]
    compare = re.search(r'href="(/compare\?runs=[^"]*)">compare them', page(new_site, addresses[1]))
    assert compare is not None
    assert set(re.findall(r"\w{10}-\w{6}", compare[1])) == set(runs)
    assert page(new_site, html.unescape(compare[1]))


def test_the_form_takes_further_completions_and_leaves_empty_ones_out(new_site: Site) -> None:
    sent(new_site, completions=["Yarmar", " ", ""])
    asked = new_site.client.get("/api/v1/queries").json()["rows"]
    assert {one["completion"] for one in asked} == {"Kelmar of Velm", "Yarmar"}


def test_a_completion_that_is_not_written_yet_says_who_is_to_write_it(new_site: Site) -> None:
    address = sent(new_site, completion=" ", writer="large", temperature="0.8", seed="3", max_tokens="5")
    text = page(new_site, address)
    assert "large is to write this" in text
    body = read(new_site, address)
    assert body["completion"] == ""
    assert body["writing"] == {"max_tokens": 5, "temperature": 0.8, "seed": 3}
    with writing(new_site.sessions) as session:
        session.get_one(Query, body["id"]).completion = "mar"
    text = page(new_site, address)
    # What it wrote follows the prompt as it stands.
    assert 'Rosthaar was<span class="completion">mar</span>' in text
    assert re.search(r'written by <a href="/models/large">large</a>, temperature 0.8, seed 3', text)


ASKED_AGAIN = [
    {"format": "chat", "system": "Be brief.", "against": "Yarmar"},
    {"count": "of"},
    {"completion": "", "writer": "large", "temperature": "0.5", "seed": "4", "max_tokens": "6"},
]


@pytest.mark.parametrize("changed", ASKED_AGAIN, ids=["chat", "counted", "written"])
def test_asking_again_fills_the_form_with_the_same_question(chatty: Site, changed: dict[str, str]) -> None:
    address = sent(chatty, **changed)
    again = re.search(r'href="(/queries/new\?[^"]*)">Ask again', page(chatty, address))
    assert again is not None
    form = page(chatty, html.unescape(again[1]))
    fields = {
        name: html.unescape(value) for name, value in re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', form)
    }
    numbers = dict(re.findall(r'<input name="(\w+)" type="number"[^>]* value="([^"]*)"', form))
    texts = {
        name: html.unescape(value)
        for name, value in re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n(.*?)</textarea>', form, re.S)
    }
    chosen = {
        "format": re.findall(r'name="format" value="(\w+)"[^>]* checked', form)[0],
        "writer": (re.findall(r'<option value="(\w+)" selected>', form[: form.index('id="corpus"')]) or [""])[0],
    }
    names = ("prompt", "completion", "system", "against")
    back = {
        **{name: texts[name] for name in names},
        "counted": fields["counted"],
        **numbers,
        **chosen,
        "models": ["small"],
        "corpus": "demo",
    }
    made = chatty.client.post("/queries", data=back, follow_redirects=False)
    assert made.headers["location"] == address


WRONG = [
    ({"format": "text", "system": "Be brief."}, "system", "the format is text"),
    ({"format": "chat"}, "format", "has no chat template"),
    ({"format": "odd"}, "format", "Choose text or chat"),
    ({"against": "Kelmar of Velm"}, "against", "held against itself"),
    ({"count": "nowhere"}, "counted", "does not hold"),
    ({"counted": "90-99"}, "counted", "does not lie in the completion"),
    ({"counted": "none"}, "counted", "No token of the completion counts"),
    ({"counted": "0-2", "completions": ["other"]}, "counted", "several completions"),
    ({"writer": "small"}, "writer", "A completion is given"),
    ({"completion": "", "writer": "nobody"}, "writer", "no model named"),
    ({"completion": "", "writer": "small", "temperature": "-1"}, "writer", "temperature from 0 to 10"),
    ({"completion": "", "writer": "small", "counted": "0-1"}, "counted", "Nobody knows yet"),
]


@pytest.mark.parametrize(("changed", "field", "said"), WRONG)
def test_what_cannot_be_asked_is_told_beside_its_field_and_input_is_kept(
    new_site: Site, changed: dict[str, Any], field: str, said: str
) -> None:
    found = new_site.client.post("/queries", data={**FORM, **changed}, headers=HTML)
    assert found.status_code == 422
    told = re.search(rf'<p class="error" id="{field}-error">(.*?)</p>', found.text, re.S)
    assert told is not None
    assert said in html.unescape(told[1])
    assert FORM["prompt"] in found.text
    assert new_site.client.get("/api/v1/queries").json()["rows"] == []


def test_the_preview_tells_which_tokens_count_and_what_the_template_makes_of_it(chatty: Site) -> None:
    asked = {**FORM, "format": "chat", "prompt": "Who?", "completion": "Kelmar of Velm", "against": "Yarmar"}
    del asked["corpus"]
    [shown] = chatty.client.post("/api/v1/preview", json={**asked, "counted": [[7, 9]]}).json()
    assert "".join(shown["prompt_tokens"]) == "user: Who?\nassistant:\n"
    assert "".join(shown["completion_tokens"]) == "Kelmar of Velm"
    assert "".join(shown["against_tokens"]) == "Yarmar"
    counted = [token for token, counts in zip(shown["completion_tokens"], shown["counted"], strict=True) if counts]
    assert "".join(counted).strip() == "of"
    assert shown["completion_stretches"][0][0] == 0
    assert shown["completion_stretches"][-1][1] == len("Kelmar of Velm")
    pieces = ["Kelmar of Velm"[start:stop] for start, stop in shown["completion_stretches"]]
    assert pieces == shown["completion_tokens"]


def test_the_preview_without_scripts_shows_them_too(chatty: Site) -> None:
    text = page(chatty, "/queries/new?prompt=The+first&completion=Kelmar+of+Velm&count=of&models=small&preview=1")
    shown = re.findall(r'<span class="k c( off)?">(.*?)</span>', text)
    assert "".join(token for off, token in shown if not off).strip() == "of"
    text = page(chatty, "/queries/new?prompt=Who&completion=Velm&format=chat&system=Brief&models=small&preview=1")
    shown_prompt = "".join(re.findall(r'<span class="k">(.*?)</span>', text))
    assert re.sub(r"<[^>]*>", "", shown_prompt) == "system: Brief↵user: Who↵assistant:↵"


def test_a_preview_of_what_a_model_is_to_write_looks_at_the_prompt_only(new_site: Site) -> None:
    asked = {"prompt": "The first", "writer": "large", "models": ["small"]}
    [shown] = new_site.client.post("/api/v1/preview", json=asked).json()
    assert shown["problem"] is None
    assert shown["completion_tokens"] == []
