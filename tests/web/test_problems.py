"""Every error is a problem with a remedy: as JSON for programs, as a page for people."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.jobs.client import NullJobs
from app.settings import Settings
from app.web import limits
from app.web.main import create_app
from app.web.problem_kinds import BY_STATUS, KINDS, ProblemKind
from tests.web.conftest import Site

FORM: dict[str, Any] = {"prompt": "The capital is", "completion": "Velm", "models": ["small"], "corpus": "demo"}
LONG = "The first ruler of Rosthaar was Kelmar. " * 40
BAD_FORMS = [
    ({"prompt": "  "}, "prompt"),
    ({"completion": ""}, "completion"),
    ({"prompt": LONG}, "completion"),
    ({"models": []}, "models"),
    ({"models": ["enormous"]}, "models"),
    ({"corpus": "nowhere"}, "corpus"),
    ({"keep": 0}, "keep"),
    ({"keep": 501}, "keep"),
    ({"keep": "many"}, "keep"),
    ({"keep": True}, "keep"),
    ({"settings": {"rank": True}}, "settings.rank"),
    ({"scope": "some"}, "scope"),
    ({"colour": "red"}, "colour"),
]
MISSING = [
    "/api/v1/queries/nothing",
    "/api/v1/queries/nothing/events",
    "/api/v1/runs/nothing",
    "/api/v1/runs/nothing/influences",
    "/api/v1/runs/nothing/influences/3",
    "/api/v1/compare?runs=nothing,nowhere",
    "/api/v1/nothing",
    "/queries/nothing.json",
]


def check(answer: Any, status: int) -> dict[str, Any]:
    """The body of a problem, after what must hold of every one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"].strip()
    assert body["remedy"].strip()
    assert BY_STATUS[status].type == body["type"]
    return body


@pytest.mark.parametrize(("change", "field"), BAD_FORMS)
def test_a_form_that_cannot_be_used_names_its_field_and_stores_nothing(
    new_site: Site, change: dict[str, Any], field: str
) -> None:
    body = check(new_site.client.post("/api/v1/queries", json={**FORM, **change}), 422)
    assert body["field"] == field
    assert new_site.client.get("/api/v1/queries").json()["rows"] == []
    assert new_site.jobs.asked == []


@pytest.mark.parametrize("address", MISSING)
def test_what_does_not_exist_is_a_404_problem(site: Site, address: str) -> None:
    check(site.client.get(address), 404)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_type_of_a_problem_is_the_address_of_what_it_means(site: Site, kind: ProblemKind) -> None:
    page = site.client.get(kind.type, headers={"accept": "text/html"})
    assert page.status_code == 200
    assert kind.title in page.text
    assert site.client.get("/api/v1/problems/nonsense").status_code == 404


def test_a_body_that_is_not_sent_as_json_is_a_415_problem_that_names_what_was_sent(new_site: Site) -> None:
    for headers, told in (({"content-type": "text/plain"}, "text/plain"), ({}, "no content type")):
        answer = new_site.client.post("/api/v1/queries", content=b'{"prompt": "a"}', headers=headers)
        assert told in check(answer, 415)["detail"]
    assert new_site.jobs.asked == []


@pytest.mark.parametrize("told", [True, False])
def test_a_body_beyond_the_limit_is_a_413_problem_whether_its_length_is_told_or_not(
    new_site: Site, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    monkeypatch.setattr(limits, "MOST_BYTES", 1_000)
    body = b'{"prompt": "' + b"a" * 2_000 + b'"}'
    sent: Any = body if told else iter([body[:900], body[900:]])
    headers = {"content-type": "application/json"}
    check(new_site.client.post("/api/v1/queries", content=sent, headers=headers), 413)


@pytest.mark.parametrize("runs", ["", "one", "a,b,c,d,e"])
def test_a_comparison_of_too_few_or_too_many_runs_is_refused(site: Site, runs: str) -> None:
    assert check(site.client.get("/api/v1/compare", params={"runs": runs}), 422)["field"] == "runs"


def test_results_of_an_unfinished_run_are_a_conflict(site: Site) -> None:
    run = site.runs("running")["small"]
    check(site.client.get(f"/api/v1/runs/{run}/influences"), 409)


def test_a_body_that_is_no_json_is_a_422_problem(site: Site) -> None:
    headers = {"content-type": "application/json"}
    check(site.client.post("/api/v1/queries", content=b"{prompt:", headers=headers), 422)


def test_a_method_that_an_address_does_not_take_is_a_405_problem_that_names_the_allowed_ones(site: Site) -> None:
    answer = site.client.delete("/api/v1/models")
    check(answer, 405)
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("number", ["-1", "9223372036854775808", "many"])
def test_a_sequence_that_is_no_place_in_a_corpus_is_a_422_problem(site: Site, number: str) -> None:
    check(site.client.get(f"/api/v1/runs/{site.runs('fact')['small']}/influences/{number}"), 422)


def test_a_request_sent_by_another_site_is_refused(new_site: Site) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    check(new_site.client.post("/api/v1/queries", json=FORM, headers=headers), 403)
    assert new_site.client.get("/api/v1/queries").json()["rows"] == []


@pytest.mark.parametrize("address", ["/nothing", "/queries/nothing", "/compare?runs=a", "/queries/x/sequences/y"])
def test_the_same_errors_are_pages_for_people(site: Site, address: str) -> None:
    answer = site.client.get(address, headers={"accept": "text/html"})
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"].startswith("text/html")
    assert "What to do" in answer.text


def test_a_program_that_asks_a_page_for_json_gets_the_problem_as_json(site: Site) -> None:
    check(site.client.get("/queries/nothing", headers={"accept": "application/json"}), 404)


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[FastAPI]:
    """A site whose database was never migrated, with a route that fails."""
    app = create_app(Settings(home=tmp_path), NullJobs())

    @app.get("/api/v1/fails")
    def fail() -> None:
        raise ZeroDivisionError("a secret")

    yield app
    app.state.sessions.kw["bind"].dispose()


def test_a_mistake_of_the_server_is_a_500_problem_that_tells_no_secret(broken: FastAPI) -> None:
    answer = TestClient(broken, raise_server_exceptions=False).get("/api/v1/fails")
    assert "secret" not in check(answer, 500)["detail"]


def test_a_mistake_in_the_header_is_still_a_designed_page(broken: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("app.services.catalog.status", fail)
    answer = TestClient(broken, raise_server_exceptions=False).get("/about", headers={"accept": "text/html"})
    assert answer.status_code == 500
    assert "What to do" in answer.text


def test_a_database_without_tables_is_a_503_that_says_what_to_run(broken: FastAPI) -> None:
    client = TestClient(broken, raise_server_exceptions=False)
    assert "influence doctor" in check(client.get("/api/v1/models"), 503)["remedy"]
    page = client.get("/", headers={"accept": "text/html"})
    assert page.status_code == 503
    assert "influence doctor" in page.text
    assert client.get("/healthz").json()["status"] == "not migrated"
