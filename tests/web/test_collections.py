"""Collections: begun, filled in an order, changed and taken away, by the API."""

import pytest

from app.services import collections
from tests.web.conftest import Site

API = "/api/v1/collections"


def begin(site: Site, name: str = "Paraphrases") -> str:
    answer = site.client.post(API, json={"name": name, "description": "What was found."})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{API}/{answer.json()['id']}"
    return str(answer.json()["id"])


def notes(site: Site, key: str) -> list[str]:
    return [item["note"] for item in site.client.get(f"{API}/{key}").json()["contents"]]


def filled(site: Site) -> tuple[str, list[int]]:
    """A collection of three queries, and its items' ids."""
    key = begin(site)
    items = [
        site.client.post(f"{API}/{key}/items", json={"query": site.ids[name], "note": name}).json()
        for name in ("fact", "capital", "passage")
    ]
    return key, [item["id"] for item in items]


def test_a_collection_holds_queries_and_sequences_with_their_scores(site_to_change: Site) -> None:
    site, run = site_to_change, site_to_change.runs("fact")["large"]
    row = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][3]
    key = begin(site)
    site.client.post(f"{API}/{key}/items", json={"query": site.ids["capital"]})
    item = {"query": site.ids["fact"], "run": run, "sequence_id": row["sequence_id"], "note": "look"}
    site.client.post(f"{API}/{key}/items", json=item)
    found = site.client.get(f"{API}/{key}").json()
    assert [one["place"] for one in found["contents"]] == [1, 2]
    assert found["contents"][0]["rank"] is None
    told = found["contents"][1]
    for name in ("rank", "influence", "nats_per_copy", "document", "text"):
        assert told[name] == row[name]
    assert (told["model"], told["sign"], told["note"]) == ("large", "positive", "look")
    assert site.client.get(told["url"]).status_code == 200


def test_what_is_in_a_collection_is_not_put_in_again(site_to_change: Site) -> None:
    site = site_to_change
    key, items = filled(site)
    again = site.client.post(f"{API}/{key}/items", json={"query": site.ids["fact"]}).json()
    assert (again["id"], again["note"]) == (items[0], "fact")
    assert len(notes(site, key)) == 3


@pytest.mark.parametrize(
    ("place", "order"),
    [(1, ["passage", "fact", "capital"]), (2, ["fact", "passage", "capital"]), (900, ["fact", "capital", "passage"])],
)
def test_an_item_moves_and_the_others_make_room(site_to_change: Site, place: int, order: list[str]) -> None:
    key, items = filled(site_to_change)
    moved = site_to_change.client.patch(f"{API}/{key}/items/{items[2]}", json={"place": place}).json()
    assert [one["note"] for one in moved["contents"]] == order
    assert [one["place"] for one in moved["contents"]] == [1, 2, 3]


def test_a_removed_item_leaves_no_gap_and_its_query_stays(site_to_change: Site) -> None:
    key, items = filled(site_to_change)
    left = site_to_change.client.delete(f"{API}/{key}/items/{items[1]}").json()
    assert [(one["note"], one["place"]) for one in left["contents"]] == [("fact", 1), ("passage", 2)]
    assert site_to_change.client.get(f"/api/v1/queries/{site_to_change.ids['capital']}").status_code == 200
    assert site_to_change.client.delete(f"{API}/{key}/items/{items[1]}").status_code == 404


def test_a_collection_gets_another_name_and_goes_with_its_items(site_to_change: Site) -> None:
    key, _ = filled(site_to_change)
    assert site_to_change.client.put(f"{API}/{key}", json={"name": "Others"}).json()["name"] == "Others"
    assert site_to_change.client.get(API).json()["rows"][0]["items"] == 3
    assert site_to_change.client.delete(f"{API}/{key}").status_code == 204
    assert site_to_change.client.get(f"{API}/{key}").status_code == 404
    with site_to_change.sessions() as session:
        assert collections.recent(session).rows == []


def test_bad_input_is_refused_with_its_field(site_to_change: Site) -> None:
    site, run = site_to_change, site_to_change.runs("fact")["large"]
    key, query = begin(site), site.ids["fact"]
    cases: list[tuple[dict[str, object], int, str]] = [
        ({"query": "nothing"}, 404, "query"),
        ({"query": query, "run": run}, 422, "sequence_id"),
        ({"query": query, "sequence_id": 3}, 422, "run"),
        ({"query": site.ids["capital"], "run": run, "sequence_id": 3}, 404, "run"),
        ({"query": query, "run": run, "sequence_id": 999_999}, 404, "sequence_id"),
        ({"query": query, "note": "\0"}, 422, "note"),
    ]
    for form, status, field in cases:
        answer = site.client.post(f"{API}/{key}/items", json=form)
        assert (answer.status_code, answer.json()["field"]) == (status, field), form
    for name in ("", " ", "x" * 121):
        assert site.client.post(API, json={"name": name}).json()["field"] == "name"
    assert notes(site, key) == []


def test_a_full_collection_says_so(site_to_change: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "MOST_ITEMS", 3)
    key, _ = filled(site_to_change)
    answer = site_to_change.client.post(f"{API}/{key}/items", json={"query": site_to_change.ids["sum"]})
    assert answer.status_code == 409
    assert "3 items" in answer.json()["detail"]


def test_collections_are_listed_newest_first_by_cursor(site_to_change: Site) -> None:
    for number in range(5):
        begin(site_to_change, f"number {number}")
    found: list[str] = []
    page = site_to_change.client.get(API, params={"limit": 2})
    begin(site_to_change, "begun in between")
    while True:
        found += [row["name"] for row in page.json()["rows"]]
        if page.json()["next"] is None:
            assert "link" not in page.headers
            break
        page = site_to_change.client.get(page.links["next"]["url"])
    assert found == [f"number {number}" for number in (4, 3, 2, 1, 0)]
