"""Ranked lists read by cursor: every row once and in order, whatever is labelled meanwhile; refused once changed."""

import pytest

from app.models import Run
from tests.web.conftest import Site


def read(site: Site, address: str, **choices: str | int) -> list[int]:
    page = site.client.get(address, params=choices)
    found = [row["sequence_id"] for row in page.json()["rows"]]
    while page.json()["next"]:
        assert "offset" not in page.links["next"]["url"]
        page = site.client.get(page.links["next"]["url"])
        found += [row["sequence_id"] for row in page.json()["rows"]]
    assert "next" not in page.links
    return found


@pytest.mark.parametrize(
    "choices", [{}, {"sort": "length"}, {"find": "ruler"}, {"group": "duplicates", "sign": "negative"}]
)
def test_the_pages_of_a_list_hold_every_row_once_and_in_order(site: Site, choices: dict[str, str]) -> None:
    address = f"/api/v1/runs/{site.runs('fact')['large']}/influences"
    whole = [row["sequence_id"] for row in site.client.get(address, params={**choices, "limit": 500}).json()["rows"]]
    assert read(site, address, **choices, limit=7) == whole
    assert read(site, address, **choices, limit=7, offset=3) == whole[3:]


def test_candidates_are_read_in_the_same_way(site: Site) -> None:
    address = f"/api/v1/runs/{site.runs('wordings')['large']}/candidates"
    assert read(site, address, limit=23) == list(range(60))


def test_a_cursor_outlives_labels_but_not_another_answer(site_to_change: Site) -> None:
    site, run = site_to_change, site_to_change.runs("fact")["large"]
    address = f"/api/v1/runs/{run}/influences"
    first = site.client.get(address, params={"limit": 5}).json()
    sequence = first["rows"][0]["sequence_id"]
    site.client.put(f"{address}/{sequence}/annotation", json={"label": "one"})
    assert site.client.get(address, params={"limit": 5, "cursor": first["next"]}).json()["rows"][0]["rank"] == 6
    with site.sessions() as session:
        session.get_one(Run, run).version += 1
        session.commit()
    refused = site.client.get(address, params={"limit": 5, "cursor": first["next"]})
    assert (refused.status_code, refused.json()["field"]) == (422, "cursor")


def test_a_cursor_with_other_choices_or_an_offset_is_refused(site: Site) -> None:
    address = f"/api/v1/runs/{site.runs('fact')['large']}/influences"
    cursor = site.client.get(address, params={"limit": 5}).json()["next"]
    for choices in ({"sign": "negative"}, {"sort": "length"}, {"offset": 3}):
        answer = site.client.get(address, params={"cursor": cursor, **choices})
        assert (answer.status_code, answer.json()["field"]) == (422, "cursor"), choices
