"""The API answers as its OpenAPI document says, whatever it is sent."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.required import required
from tests.web.conftest import Site

schemathesis = required("schemathesis")

OPERATIONS = [
    ("POST", "/api/v1/queries"),
    ("GET", "/api/v1/queries"),
    ("GET", "/api/v1/queries/{query_id}"),
    ("POST", "/api/v1/queries/{query_id}/cancel"),
    ("POST", "/api/v1/queries/{query_id}/retry"),
    ("GET", "/api/v1/runs/{run_id}"),
    ("GET", "/api/v1/runs/{run_id}/influences"),
    ("GET", "/api/v1/runs/{run_id}/influences/{sequence_id}"),
    ("GET", "/api/v1/runs/{run_id}/influences/{sequence_id}/checks"),
    ("POST", "/api/v1/runs/{run_id}/influences/{sequence_id}/checks"),
    ("GET", "/api/v1/runs/{run_id}/influences/{sequence_id}/surroundings"),
    ("GET", "/api/v1/checks/{check_id}"),
    ("POST", "/api/v1/checks/{check_id}/cancel"),
    ("POST", "/api/v1/checks/{check_id}/retry"),
    ("GET", "/api/v1/corpora/{corpus}/documents/{document}"),
    ("GET", "/api/v1/runs/{run_id}/candidates"),
    ("GET", "/api/v1/compare"),
    ("GET", "/api/v1/candidate-lists/{list_id}"),
    ("GET", "/api/v1/annotations"),
    ("PUT", "/api/v1/queries/{query_id}/annotation"),
    ("DELETE", "/api/v1/queries/{query_id}/annotation"),
    ("PUT", "/api/v1/runs/{run_id}/influences/{sequence_id}/annotation"),
    ("DELETE", "/api/v1/runs/{run_id}/influences/{sequence_id}/annotation"),
    ("GET", "/api/v1/collections"),
    ("POST", "/api/v1/collections"),
    ("GET", "/api/v1/collections/{collection_id}"),
    ("PUT", "/api/v1/collections/{collection_id}"),
    ("DELETE", "/api/v1/collections/{collection_id}"),
    ("POST", "/api/v1/collections/{collection_id}/items"),
    ("PATCH", "/api/v1/collections/{collection_id}/items/{item_id}"),
    ("DELETE", "/api/v1/collections/{collection_id}/items/{item_id}"),
    ("GET", "/api/v1/models"),
    ("GET", "/api/v1/corpora"),
    ("GET", "/api/v1/status"),
    ("POST", "/api/v1/preview"),
    ("POST", "/api/v1/batches/check"),
    ("POST", "/api/v1/batches"),
    ("GET", "/api/v1/batches"),
    ("GET", "/api/v1/batches/{batch_id}"),
    ("POST", "/api/v1/batches/{batch_id}/cancel"),
    ("POST", "/api/v1/batches/{batch_id}/retry"),
    ("POST", "/api/v1/estimate"),
    ("GET", "/api/v1/corpora/{name}"),
    ("GET", "/api/v1/corpora/{name}/documents"),
    ("GET", "/api/v1/models/{name}"),
    ("POST", "/api/v1/models/{name}/checks"),
    ("GET", "/api/v1/runs/{run_id}/layers"),
    ("GET", "/api/v1/studies"),
    ("GET", "/api/v1/studies/{name}"),
    ("GET", "/healthz"),
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_api_answers_as_its_document_says(new_site: Site, method: str, path: str) -> None:
    from schemathesis.checks import CHECKS

    document = schemathesis.openapi.from_asgi("/api/v1/openapi.json", new_site.client.app)
    # A name that the shape allows and the catalogue does not have is refused with 422: that is no mismatch.
    by_value = CHECKS.get_one("positive_data_acceptance")

    @settings(max_examples=8, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=document[path][method].as_strategy())
    def sent(case: Any) -> None:
        case.call_and_validate(excluded_checks=[by_value])

    run: Callable[[], None] = sent
    run()


def test_every_address_but_the_streams_is_checked(new_site: Site) -> None:
    document = new_site.client.get("/api/v1/openapi.json").json()
    served = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert served - set(OPERATIONS) == {
        ("GET", "/api/v1/queries/{query_id}/events"),
        ("GET", "/api/v1/runs/{run_id}/influences/{sequence_id}/checks/events"),
    }
