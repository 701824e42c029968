"""Labels and notes: written, shown wherever their subject is, found again by cursor, and taken away."""

import pytest

from tests.web.conftest import Site

WRITTEN = {"label": "  a   paraphrase ", "note": "Names the ruler\nin other words."}


def first_sequence(site: Site, run: str) -> int:
    found = site.client.get(f"/api/v1/runs/{run}/influences", params={"limit": 1}).json()["rows"][0]
    return int(found["sequence_id"])


def test_a_label_and_a_note_are_told_wherever_the_query_is(site_to_change: Site) -> None:
    site, query = site_to_change, site_to_change.ids["fact"]
    written = site.client.put(f"/api/v1/queries/{query}/annotation", json=WRITTEN).json()
    assert (written["label"], written["note"]) == ("a paraphrase", "Names the ruler\nin other words.")
    assert site.client.get(f"/api/v1/queries/{query}").json()["annotation"] == written
    listed = {one["id"]: one for one in site.client.get("/queries.json").json()["rows"]}
    assert listed[query]["annotation"] == written
    assert all(one["annotation"] is None for key, one in listed.items() if key != query)


def test_those_of_a_sequence_belong_to_its_run_alone(site_to_change: Site) -> None:
    site, runs = site_to_change, site_to_change.runs("fact")
    sequence = first_sequence(site, runs["large"])
    address = f"/api/v1/runs/{runs['large']}/influences/{sequence}"
    written = site.client.put(f"{address}/annotation", json=WRITTEN).json()
    assert site.client.get(address).json()["annotation"] == written
    rows = site.client.get(f"/api/v1/runs/{runs['large']}/influences").json()["rows"]
    assert [row["sequence_id"] for row in rows if row["annotation"]] == [sequence]
    others = site.client.get(f"/api/v1/runs/{runs['medium']}/influences").json()["rows"]
    assert not [row for row in others if row["annotation"]]


def test_writing_again_replaces_and_deleting_takes_away(site_to_change: Site) -> None:
    site, query = site_to_change, site_to_change.ids["fact"]
    address = f"/api/v1/queries/{query}/annotation"
    site.client.put(address, json=WRITTEN)
    site.client.put(address, json={"label": "checked"})
    kept = site.client.get(f"/api/v1/queries/{query}").json()["annotation"]
    assert (kept["label"], kept["note"]) == ("checked", "")
    assert site.client.delete(address).status_code == 204
    assert site.client.delete(address).status_code == 204
    assert site.client.get(f"/api/v1/queries/{query}").json()["annotation"] is None


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "label"),
        ({"label": " ", "note": "\n"}, "label"),
        ({"label": "x" * 81}, "label"),
        ({"note": "a\0b"}, "note"),
    ],
)
def test_nothing_written_and_what_is_no_text_are_refused(site: Site, form: dict[str, str], field: str) -> None:
    answer = site.client.put(f"/api/v1/queries/{site.ids['fact']}/annotation", json=form)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_what_is_not_there_cannot_be_annotated(site: Site) -> None:
    run = site.runs("fact")["large"]
    for address in ("queries/nothing", "runs/nothing/influences/3", f"runs/{run}/influences/999999"):
        assert site.client.put(f"/api/v1/{address}/annotation", json=WRITTEN).status_code == 404, address


def test_all_of_them_are_listed_by_cursor_and_new_ones_shift_nothing(site_to_change: Site) -> None:
    site = site_to_change
    names = ["fact", "capital", "passage", "sum", "function"]
    for name in names:
        site.client.put(f"/api/v1/queries/{site.ids[name]}/annotation", json={"label": name})
    first = site.client.get("/api/v1/annotations", params={"limit": 2})
    site.client.put(f"/api/v1/queries/{site.ids['spanish']}/annotation", json={"label": "late"})
    found, page = [row["label"] for row in first.json()["rows"]], first
    while page.json()["next"]:
        address = page.links["next"]["url"]
        page = site.client.get(address)
        found += [row["label"] for row in page.json()["rows"]]
    assert found == names[::-1]


@pytest.mark.parametrize("cursor", ["", "x", "bm9uc2Vuc2U", "WzEsMl0", "é", "A" * 900, "W10="])
def test_a_cursor_that_is_none_is_refused_with_what_to_do(site: Site, cursor: str) -> None:
    answer = site.client.get("/api/v1/annotations", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")
    assert "next" in answer.json()["remedy"]


def test_a_cursor_holds_for_the_choices_it_was_made_under_only(site_to_change: Site) -> None:
    site = site_to_change
    for name in ("fact", "capital"):
        site.client.put(f"/api/v1/queries/{site.ids[name]}/annotation", json={"label": name})
    cursor = site.client.get("/api/v1/annotations", params={"limit": 1}).json()["next"]
    answer = site.client.get("/api/v1/annotations", params={"cursor": cursor, "query": site.ids["fact"]})
    assert answer.status_code == 422
    assert "under other choices" in answer.json()["detail"]
    assert site.client.get("/api/v1/collections", params={"cursor": cursor}).status_code == 422
