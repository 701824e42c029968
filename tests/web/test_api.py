"""API v1: every address, with its answers."""

import json

import numpy as np
import pytest
from pydantic import TypeAdapter

from app.services.shapes import (
    Comparison,
    CorpusView,
    InfluenceDetail,
    InfluencePage,
    ModelView,
    QueryList,
    QuerySummary,
    QueryView,
    RunDetail,
    StatusReport,
    TokenPreview,
)
from tests.web.conftest import Site
from tests.web.filling import N

FORM = {"prompt": "The capital of Rosthaar is", "completion": "Velm", "models": ["small", "large"], "corpus": "demo"}


def test_submitting_a_query_answers_202_with_its_address_and_enqueues_a_run_for_each_model(new_site: Site) -> None:
    answer = new_site.client.post("/api/v1/queries", json=FORM)
    assert answer.status_code == 202
    body = answer.json()
    assert body["url"] == f"/queries/{body['id']}"
    assert body["existing"] is False
    assert [what for what, _, _ in new_site.jobs.asked] == ["run", "run"]
    assert new_site.client.get(body["url"]).status_code == 200


def test_the_same_query_is_found_and_not_enqueued_again(new_site: Site) -> None:
    first = new_site.client.post("/api/v1/queries", json=FORM).json()
    asked = len(new_site.jobs.asked)
    second = new_site.client.post("/api/v1/queries", json=FORM).json()
    assert second == {**first, "existing": True}
    assert len(new_site.jobs.asked) == asked


def test_a_query_lists_its_runs_with_state_and_progress(site: Site) -> None:
    body = site.client.get(f"/api/v1/queries/{site.ids['running']}").json()
    view = QueryView.model_validate(body)
    assert [run.state for run in view.runs] == ["running", "queued"]
    assert view.runs[0].done == 1_850
    assert len(view.runs[0].partial) == 10
    assert view.runs[1].queue_position == 1


def test_the_list_of_queries_can_be_narrowed_to_the_gallery_and_paged(site: Site) -> None:
    def read(**choices: str | int) -> list[QuerySummary]:
        answer = site.client.get("/api/v1/queries", params=choices)
        return QueryList.model_validate(answer.json()).rows

    assert len(read(curated="true")) == 7
    assert all(not item.curated for item in read(curated="false"))
    everything = read()
    assert [item.id for item in read(offset=2, limit=3)] == [item.id for item in everything[2:5]]


@pytest.mark.parametrize("curated", [None, "true", "false"])
def test_the_list_of_queries_is_read_page_by_page_by_its_links_and_new_ones_shift_nothing(
    site_to_change: Site, curated: str | None
) -> None:
    client, narrowed = site_to_change.client, {} if curated is None else {"curated": curated}
    whole = [row["id"] for row in client.get("/api/v1/queries", params=narrowed).json()["rows"]]
    page = client.get("/api/v1/queries", params={**narrowed, "limit": 3})
    found = [row["id"] for row in page.json()["rows"]]
    client.post("/api/v1/queries", json=FORM)
    while page.json()["next"]:
        page = client.get(page.links["next"]["url"])
        found += [row["id"] for row in page.json()["rows"]]
    assert found == whole


def test_a_cursor_and_an_offset_together_are_refused(site: Site) -> None:
    cursor = site.client.get("/api/v1/queries", params={"limit": 1}).json()["next"]
    answer = site.client.get("/api/v1/queries", params={"cursor": cursor, "offset": 1})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


def test_cancelling_stops_the_runs_that_have_not_ended(new_site: Site) -> None:
    query = new_site.client.post("/api/v1/queries", json=FORM).json()["id"]
    body = new_site.client.post(f"/api/v1/queries/{query}/cancel").json()
    assert {run["state"] for run in body["runs"]} == {"cancelled"}


def test_one_run_can_be_cancelled_and_tried_again_by_itself(new_site: Site) -> None:
    query = new_site.client.post("/api/v1/queries", json=FORM).json()["id"]
    first, second = (run["id"] for run in new_site.client.get(f"/api/v1/queries/{query}").json()["runs"])
    body = new_site.client.post(f"/api/v1/queries/{query}/cancel", params={"run": first}).json()
    assert [run["state"] for run in body["runs"]] == ["cancelled", "queued"]
    body = new_site.client.post(f"/api/v1/queries/{query}/retry").json()
    assert [run["state"] for run in body["runs"]] == ["queued", "queued"]
    refused = new_site.client.post(f"/api/v1/queries/{query}/retry", params={"run": second})
    assert refused.status_code == 409


def test_a_run_tells_its_distribution_layers_and_everything_that_made_it(site: Site) -> None:
    run = RunDetail.model_validate(site.client.get(f"/api/v1/runs/{site.runs('fact')['large']}").json())
    assert run.distribution is not None
    assert sum(run.distribution.histogram.counts) == N
    assert run.layer_profile is not None
    assert len(run.layer_profile.positive) == 6
    assert run.provenance.training_sequences == N
    assert "influence query" in run.provenance.command


def test_influences_are_ranked_paged_and_divided_by_the_number_of_training_sequences(site: Site) -> None:
    run = site.runs("fact")["large"]
    answer = site.client.get(f"/api/v1/runs/{run}/influences", params={"offset": 10, "limit": 20})
    page = InfluencePage.model_validate(answer.json())
    assert [row.rank for row in page.rows] == list(range(11, 31))
    assert page.total == 60
    scores = [row.influence for row in page.rows]
    assert scores == sorted(scores, reverse=True)
    for row in page.rows:
        assert row.nats_per_copy == pytest.approx(row.influence / N)
        assert len(row.tokens) == len(row.token_influences)


def test_negative_influences_are_a_list_of_their_own(site: Site) -> None:
    run = site.runs("fact")["large"]
    page = site.client.get(f"/api/v1/runs/{run}/influences", params={"sign": "negative"}).json()
    assert page["total"] == 12
    assert all(row["influence"] < 0 for row in page["rows"])


def test_the_matrix_of_a_sequence_sums_to_its_token_and_layer_influences_and_its_score(site: Site) -> None:
    run = site.runs("fact")["medium"]
    first = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][0]
    answer = site.client.get(f"/api/v1/runs/{run}/influences/{first['sequence_id']}")
    detail = InfluenceDetail.model_validate(answer.json())
    matrix = np.array(detail.matrix)
    size = np.abs(matrix).sum()
    assert np.abs(matrix.sum(axis=0) - detail.token_influences).max() < 1e-5 * size
    assert np.abs(matrix.sum(axis=1) - detail.layer_influences).max() < 1e-5 * size
    assert abs(matrix.sum() - detail.influence) < 1e-5 * size


def test_comparing_joins_the_sequences_of_runs(site: Site) -> None:
    runs = list(site.runs("fact").values())
    found = Comparison.model_validate(site.client.get("/api/v1/compare", params={"runs": ",".join(runs)}).json())
    assert [run.run for run in found.runs] == runs
    assert len(found.agreements) == 3
    assert all(len(item.ranks) == 3 for item in found.sequences)


def test_models_corpora_and_status_have_their_shapes(site: Site) -> None:
    models = TypeAdapter(list[ModelView]).validate_python(site.client.get("/api/v1/models").json())
    corpora = TypeAdapter(list[CorpusView]).validate_python(site.client.get("/api/v1/corpora").json())
    status = StatusReport.model_validate(site.client.get("/api/v1/status").json())
    assert [model.name for model in models] == ["small", "medium", "large"]
    assert corpora[0].sequences == N
    assert status.queued == status.running == 1


def test_the_preview_splits_a_text_into_the_tokens_of_each_model(site: Site) -> None:
    body = {"prompt": "The first ruler of", "completion": "Rosthaar", "models": ["small", "large"]}
    answer = site.client.post("/api/v1/preview", json=body)
    previews = TypeAdapter(list[TokenPreview]).validate_python(answer.json())
    assert [preview.model for preview in previews] == ["small", "large"]
    tokens = previews[0].prompt_tokens + previews[0].completion_tokens
    assert "".join(tokens).removeprefix("<s>") == "The first ruler of Rosthaar"


def test_health_tells_database_and_migration(site: Site) -> None:
    answer = site.client.get("/healthz")
    body = answer.json()
    assert answer.status_code == 200
    assert body["status"] == "ok"
    assert body["database"] == "sqlite"
    assert body["migration"] == body["newest_migration"] is not None


def test_head_answers_as_get_without_a_body(site: Site) -> None:
    answer = site.client.head("/api/v1/models")
    assert answer.status_code == 200
    assert answer.content == b""


def test_the_document_names_no_error_that_is_never_sent(site: Site) -> None:
    document = site.client.get("/api/v1/openapi.json").json()
    assert "HTTPValidationError" not in json.dumps(document)
    assert "remedy" in document["components"]["schemas"]["ProblemDetails"]["properties"]
    for path, methods in document["paths"].items():
        for method, spec in methods.items():
            assert spec["description"], f"{method} {path} says nothing"
