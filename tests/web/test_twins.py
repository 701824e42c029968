"""Each page has a `.json` twin that equals the API's body, and lists have a `.csv` that equals the screen."""

import csv
import io

import pytest

from tests.web.conftest import Site


def pairs(site: Site) -> list[tuple[str, str]]:
    """Twin and API address of every page with data."""
    query, runs = site.ids["fact"], site.runs("fact")
    sequence = site.client.get(f"/api/v1/runs/{runs['large']}/influences").json()["rows"][0]["sequence_id"]
    both = f"runs={runs['small']},{runs['large']}"
    return [
        ("/queries.json", "/api/v1/queries"),
        (f"/queries/{query}.json", f"/api/v1/queries/{query}"),
        (
            f"/queries/{query}/sequences/{sequence}.json?run={runs['large']}",
            f"/api/v1/runs/{runs['large']}/influences/{sequence}",
        ),
        (f"/compare.json?{both}", f"/api/v1/compare?{both}"),
        ("/models.json", "/api/v1/models"),
        ("/models/large.json", "/api/v1/models/large"),
        ("/corpora.json", "/api/v1/corpora"),
        ("/corpora/demo.json", "/api/v1/corpora/demo"),
        ("/status.json", "/api/v1/status"),
    ]


def test_every_twin_equals_the_body_of_the_api(site: Site) -> None:
    for twin, address in pairs(site):
        assert site.client.get(twin).json() == site.client.get(address).json(), twin


@pytest.mark.parametrize("sign", ["positive", "negative"])
def test_the_rows_of_a_list_as_csv_equal_those_of_the_api_at_full_precision(site: Site, sign: str) -> None:
    run = site.runs("function")["medium"]
    answer = site.client.get(f"/queries/{site.ids['function']}/influences.csv", params={"run": run, "sign": sign})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    found = site.client.get(f"/api/v1/runs/{run}/influences", params={"sign": sign, "limit": 500}).json()
    assert len(rows) == found["total"]
    for row, item in zip(rows, found["rows"], strict=True):
        assert float(row["influence"]) == item["influence"]
        assert row["text"] == item["text"]
        assert [float(row[layer]) for layer in found["layers"]] == item["layer_influences"]


def test_a_comparison_as_csv_has_a_rank_and_a_score_for_each_run(site: Site) -> None:
    runs = list(site.runs("fact").values())[:2]
    address = "runs=" + ",".join(runs)
    rows = list(csv.DictReader(io.StringIO(site.client.get(f"/compare.csv?{address}").text, newline="")))
    found = site.client.get(f"/api/v1/compare?{address}").json()["sequences"]
    assert [int(row["sequence_id"]) for row in rows] == [item["sequence_id"] for item in found]
    assert [row[f"rank {runs[0]}"] for row in rows] == [
        "" if item["ranks"][0] is None else str(item["ranks"][0]) for item in found
    ]


def test_all_queries_as_csv(site: Site) -> None:
    rows = list(csv.DictReader(io.StringIO(site.client.get("/queries.csv").text, newline="")))
    assert {row["id"] for row in rows} == set(site.ids.values())
