"""Labels, notes and collections as people use them without a script: forms on pages, and what lists then show."""

import re

import pytest

from app.web.subjects import safe_back
from tests.web.conftest import Site
from tests.web.filling import SCRIPT
from tests.web.test_pages import HTML, page, words


def post(site: Site, address: str, **form: str | int) -> str:
    """Sends a form; where it leads."""
    answer = site.client.post(address, data=form, headers=HTML, follow_redirects=False)
    assert answer.status_code == 303, answer.text[:500]
    return answer.headers["location"]


def sequence(site: Site) -> tuple[str, str, int]:
    """A query, a run and its first sequence."""
    run = site.runs("fact")["large"]
    row = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][0]
    return site.ids["fact"], run, row["sequence_id"]


def test_a_label_and_a_note_of_a_query_stand_on_its_page_and_in_lists(site_to_change: Site) -> None:
    site, query = site_to_change, site_to_change.ids["fact"]
    back = f"/queries/{query}?sign=negative"
    assert post(site, f"/queries/{query}/annotation", label="shown", note=f"first\r\n{SCRIPT}", back=back) == back
    text = page(site, back)
    assert '<span class="tag label">shown</span>' in text
    assert f"first\n{SCRIPT}" not in text
    assert SCRIPT in words(text)
    assert site.client.get(f"/api/v1/queries/{query}").json()["annotation"]["note"] == f"first\n{SCRIPT}"
    assert "shown" in words(page(site, "/queries"))
    post(site, f"/queries/{query}/annotation", label=" ", note="")
    assert "tag label" not in page(site, back)


def test_those_of_a_sequence_stand_on_its_page_and_in_its_list(site_to_change: Site) -> None:
    site = site_to_change
    query, run, number = sequence(site)
    address = f"/queries/{query}/sequences/{number}"
    back = post(site, f"{address}/annotation?run={run}", label="odd", note="Look at the last word.")
    assert back == f"{address}?run={run}"
    assert "Look at the last word." in words(page(site, back))
    listed = page(site, f"/queries/{query}?model=large")
    assert listed.count('<span class="tag label">odd</span>') == 1
    assert "note: Look at the last word." in words(listed)


def test_a_sequence_is_put_into_a_new_collection_and_then_into_one_that_is_there(site_to_change: Site) -> None:
    site = site_to_change
    query, run, number = sequence(site)
    address = f"/queries/{query}/sequences/{number}?run={run}"
    post(site, "/collections/items", query=query, run=run, sequence_id=number, name="Found", note="why", back=address)
    [made] = site.client.get("/collections.json").json()["rows"]
    assert f'in <a href="/collections/{made["id"]}">Found</a>' in page(site, address)
    assert post(site, "/collections/items", query=query, collection=made["id"]) == made["url"]
    text = page(site, made["url"])
    assert re.findall(r'id="item-(\d+)"', text) == ["1", "2"]
    assert "why" in words(text)
    assert "rank 1" in words(text)


def test_items_move_and_go_and_collections_are_renamed_and_deleted(site_to_change: Site) -> None:
    site = site_to_change
    url = post(site, "/collections", name="Mine", description="First line.\r\nSecond.")
    for name in ("fact", "capital", "passage"):
        post(site, "/collections/items", query=site.ids[name], collection=url.rsplit("/", 1)[1])

    def order() -> list[str]:
        return re.findall(r'id="item-(\d+)"', page(site, url))

    assert order() == ["1", "2", "3"]
    assert post(site, f"{url}/items/3", place=1).endswith("#item-3")
    assert order() == ["3", "1", "2"]
    post(site, f"{url}/items/1", note="kept")
    post(site, f"{url}/items/2", do="remove")
    assert order() == ["3", "1"]
    assert "kept" in words(page(site, url))
    post(site, url, name="Yours", description="")
    assert "<h1>Yours</h1>" in page(site, url)
    assert post(site, f"{url}/delete") == "/collections"
    page(site, url, 404)
    assert "No collection yet" in page(site, "/collections")


def test_a_collection_without_a_name_is_asked_for_one_and_what_was_written_stays(site_to_change: Site) -> None:
    for name in (" ", "x" * 121):
        form = {"name": name, "description": "Kept when refused"}
        answer = site_to_change.client.post("/collections", data=form, headers=HTML)
        assert answer.status_code == 422
        assert 'id="name-error"' in answer.text
        assert "Kept when refused" in answer.text


def test_a_new_collection_for_what_is_not_there_is_not_begun(site_to_change: Site) -> None:
    form = {"query": "nothing", "name": "Never begun"}
    assert site_to_change.client.post("/collections/items", data=form, headers=HTML).status_code == 404
    assert site_to_change.client.get("/collections.json").json()["rows"] == []


@pytest.mark.parametrize("back", ["https://elsewhere/", "//elsewhere/", "/\\elsewhere", "javascript:1", "", "/a\nb"])
def test_a_form_leads_back_to_this_site_only(back: str) -> None:
    assert safe_back(back, "/otherwise") == "/otherwise"
    assert safe_back("/queries/a?b=c", "/otherwise") == "/queries/a?b=c"


def test_another_sites_page_cannot_send_these_forms(site_to_change: Site) -> None:
    site, headers = site_to_change, {"sec-fetch-site": "cross-site"}
    for address in (f"/queries/{site.ids['fact']}/annotation", "/collections", "/collections/items"):
        assert site.client.post(address, data={"name": "a", "label": "a"}, headers=headers).status_code == 403
