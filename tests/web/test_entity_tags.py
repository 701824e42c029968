"""A reader who has an answer is told so: 304 for pages, data and files, and never for one that has changed."""

import pytest

from tests.web.conftest import Site


def addresses(site: Site) -> list[str]:
    query, run = site.ids["fact"], site.runs("fact")["large"]
    return [
        "/about",
        f"/queries/{query}?view=run",
        f"/queries/{query}.json",
        f"/queries/{query}/influences.csv?run={run}",
        "/api/v1/models",
        f"/api/v1/runs/{run}",
        f"/api/v1/runs/{run}/influences?limit=3",
        "/api/v1/openapi.json",
        "/static/style.css",
    ]


def test_pages_data_and_files_are_tagged_and_not_sent_again_to_those_who_have_them(site: Site) -> None:
    for address in addresses(site):
        first = site.client.get(address)
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "no-cache"
        for asked in (tag, f'"other", {tag}', tag.removeprefix("W/")):
            again = site.client.get(address, headers={"if-none-match": asked})
            assert (again.status_code, again.content) == (304, b""), (address, asked)
            assert again.headers["etag"] == tag
        other = site.client.get(address, headers={"if-none-match": '"other"'})
        assert (other.status_code, other.content) == (200, first.content), address


def test_a_tag_does_not_depend_on_how_an_answer_is_compressed(site: Site) -> None:
    told = {
        site.client.get("/api/v1/models", headers={"accept-encoding": encoding}).headers["etag"]
        for encoding in ("gzip", "identity")
    }
    assert len(told) == 1


def test_head_tells_the_same_tag(site: Site) -> None:
    assert site.client.head("/about").headers["etag"] == site.client.get("/about").headers["etag"]


def test_a_change_brings_another_tag(site_to_change: Site) -> None:
    site, query = site_to_change, site_to_change.ids["fact"]
    run = site.runs("fact")["large"]
    sequence = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][0]["sequence_id"]
    lists = (f"/api/v1/queries/{query}", f"/api/v1/runs/{run}/influences", f"/queries/{query}?model=large")
    before = [site.client.get(address).headers["etag"] for address in lists]
    site.client.put(f"/api/v1/queries/{query}/annotation", json={"label": "one"})
    site.client.put(f"/api/v1/runs/{run}/influences/{sequence}/annotation", json={"label": "two"})
    for address, tag in zip(lists, before, strict=True):
        assert site.client.get(address, headers={"if-none-match": tag}).status_code == 200, address


@pytest.mark.parametrize("address", ["/api/v1/queries/nothing", "/nothing"])
def test_an_error_is_never_answered_from_what_a_reader_has(site: Site, address: str) -> None:
    answer = site.client.get(address, headers={"if-none-match": "*"})
    assert answer.status_code == 404
    assert "etag" not in answer.headers
