"""The form: how a query is computed, what it will take, what is there already; and runs of several settings."""

import html
import re

import pytest
from sqlalchemy import select

from app.models import Run
from app.services.record import record
from tests.web.conftest import Site
from tests.web.filling import answer

HTML = {"accept": "text/html"}
FORM = {"prompt": "The mill of Rosthaar is", "completion": "old", "models": ["small"], "corpus": "demo", "keep": "20"}


def asked(site: Site, **changed: str) -> str:
    answered = site.client.post("/queries", data={**FORM, **changed}, follow_redirects=False)
    assert answered.status_code == 303
    return answered.headers["location"]


def page(site: Site, address: str) -> str:
    answered = site.client.get(address, headers=HTML)
    assert answered.status_code == 200
    return answered.text


def test_settings_of_the_form_become_those_of_the_run_and_lead_to_it(new_site: Site) -> None:
    usual = asked(new_site)
    other = asked(new_site, damping="0.01", rank="32")
    query = usual.removeprefix("/queries/")
    assert other.startswith(f"/queries/{query}?run=")
    [first, second] = new_site.client.get(f"/api/v1/queries/{query}").json()["runs"]
    assert first["settings"] == {"damping": 0.1, "rank": None, "precision": "float32"}
    assert second["settings"] == {"damping": 0.01, "rank": 32, "precision": "float32"}
    text = page(new_site, other)
    [current] = re.findall(r'<a class="chip" href="([^"]+)" aria-current="page"', text)
    assert f"run={second['id']}" in current
    assert "small <small>" in text
    assert "damping 0.01 · rank 32" in text


def test_each_of_a_models_runs_has_its_own_address(new_site: Site) -> None:
    query = asked(new_site).removeprefix("/queries/")
    asked(new_site, damping="0.01")
    with new_site.sessions() as session:
        runs = list(session.scalars(select(Run.id).where(Run.query_id == query).order_by(Run.created_at)))
        for place, run in enumerate(runs):
            record(session, answer(run, "small", place, 20))
    for place, run in enumerate(runs):
        listed = new_site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"]
        text = page(new_site, f"/queries/{query}?run={run}")
        assert f"/sequences/{listed[0]['sequence_id']}?run={run}" in html.unescape(text), place
    # The usual settings are what the plain address shows, though the other run is newer.
    assert f"?run={runs[0]}" in html.unescape(page(new_site, f"/queries/{query}")).split('class="row"')[1]
    assert f"/compare?runs={runs[0]}" in html.unescape(page(new_site, f"/queries/{query}"))


@pytest.mark.parametrize("changed", [{"damping": "0"}, {"damping": "much"}, {"rank": "0"}, {"damping": "nan"}])
def test_a_wrong_setting_is_told_beside_its_field_which_is_open(new_site: Site, changed: dict[str, str]) -> None:
    answered = new_site.client.post("/queries", data={**FORM, **changed}, headers=HTML)
    assert answered.status_code == 422
    part = answered.text[answered.text.index('id="settings"') :]
    assert part.split(">")[0].endswith(" open")
    assert 'id="settings-error"' in part
    [(name, value)] = changed.items()
    assert re.search(rf'name="{name}"[^>]*value="{value}"', part)


def test_the_form_says_what_is_there_before_it_is_sent(new_site: Site) -> None:
    query = asked(new_site).removeprefix("/queries/")
    told = new_site.client.post("/queries/new/outlook", data={**FORM, "models": ["small", "large"]}).text
    assert f'This query exists already.</b> <a href="/queries/{query}">Open it</a>; asking it again adds large.' in told
    near = new_site.client.post("/queries/new/outlook", data={**FORM, "keep": "30"}).text
    assert "Nearly the same was asked" in near
    assert f'href="/queries/{query}"' in near
    assert new_site.client.post("/queries/new/outlook", data={"keep": "many"}).status_code == 200


def test_the_form_tells_what_each_model_takes_without_scripts(site: Site) -> None:
    text = page(site, "/queries/new")
    takes = text[text.index('class="takes"') :]
    assert [name for name in ("small", "medium", "large") if f"<dt>{name}</dt>" in takes] == [
        "small",
        "medium",
        "large",
    ]
    assert "4,012 sequences" in takes
    assert "time not known yet" in takes, "nothing was scanned here"
    assert "its factors are fitted first" in takes


def test_asking_again_keeps_the_settings(new_site: Site) -> None:
    text = page(new_site, asked(new_site, damping="0.01"))
    [again] = re.findall(r'href="(/queries/new\?[^"]+)"', text)[:1]
    form = page(new_site, html.unescape(again))
    assert re.search(r'id="damping"[^>]*value="0.01"', form)
    assert form[form.index('id="settings"') :].split(">")[0].endswith(" open")
