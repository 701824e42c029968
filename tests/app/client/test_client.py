"""The typed client: every operation of the API has a method, and answers, lists and errors come as they should."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.client import ApiError, Client, Unreachable
from app.client.local import InProcess, here
from app.services.shapes import QueryForm, Submitted
from tests.conftest import quick_settings
from tests.web.conftest import Site, make_site
from tests.web.filling import fill

FORM = {"prompt": "The capital of Rosthaar is", "completion": "Velm", "models": ["small"], "corpus": "demo"}
WITHOUT_A_METHOD = {
    ("GET", "/api/v1/queries/{query_id}/events"): "queries.wait looks at the query itself: it needs no open stream",
    ("GET", "/api/v1/runs/{run_id}/influences/{sequence_id}/checks/events"): "checks.get looks at the check itself",
}
CALLS: list[Callable[[Client], object]] = [
    lambda client: client.models(),
    lambda client: client.corpora(),
    lambda client: client.status(),
    lambda client: client.health(),
    lambda client: client.model("small"),
    lambda client: client.check_model("small"),
    lambda client: client.corpus("demo"),
    lambda client: list(client.documents("demo")),
    lambda client: client.studies(),
    lambda client: client.study("name"),
    lambda client: client.batches.check(text="prompt,completion\na,b\n"),
    lambda client: client.batches.submit(text="prompt,completion\na,b\n"),
    lambda client: list(client.batches.list()),
    lambda client: client.batches.get("b"),
    lambda client: client.batches.cancel("b"),
    lambda client: client.batches.retry("b"),
    lambda client: client.runs.layers("r"),
    lambda client: client.queries.submit(**FORM),
    lambda client: list(client.queries.list()),
    lambda client: client.queries.get("q"),
    lambda client: client.queries.cancel("q"),
    lambda client: client.queries.retry("q", "r"),
    lambda client: client.queries.estimate(**FORM),
    lambda client: client.queries.preview(prompt="a", completion="b", models=["small"]),
    lambda client: client.queries.annotate("q", "label"),
    lambda client: client.queries.clear_annotation("q"),
    lambda client: client.runs.get("r"),
    lambda client: list(client.runs.influences("r")),
    lambda client: client.runs.influence("r", 3),
    lambda client: client.runs.surroundings("r", 3),
    lambda client: client.checks.ask("r", 3, "erasure"),
    lambda client: client.checks.of("r", 3),
    lambda client: client.checks.get("c"),
    lambda client: client.checks.cancel("c"),
    lambda client: client.checks.retry("c"),
    lambda client: client.document("towns", "a/b"),
    lambda client: list(client.runs.candidates("r")),
    lambda client: client.runs.candidate_list("l"),
    lambda client: client.runs.compare(["r", "s"]),
    lambda client: client.runs.annotate("r", 3, note="note"),
    lambda client: client.runs.clear_annotation("r", 3),
    lambda client: list(client.collections.list()),
    lambda client: list(client.collections.annotations()),
    lambda client: client.collections.get("c"),
    lambda client: client.collections.make("name"),
    lambda client: client.collections.change("c", "name"),
    lambda client: client.collections.delete("c"),
    lambda client: client.collections.add("c", "q"),
    lambda client: client.collections.change_item("c", 1, place=2),
    lambda client: client.collections.remove("c", 1),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A filled site, only read."""
    yield from make_site(tmp_path_factory.mktemp("site"), fill)


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    """A client of it, without a network."""
    with Client("http://here", transport=InProcess(site.client.app)) as made:
        yield made


def test_every_operation_has_a_method_or_a_reason_why_not(site: Site) -> None:
    asked: list[tuple[str, str]] = []

    def noted(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.raw_path.decode().split("?")[0]))
        return httpx.Response(200, json={})

    with Client("http://here", transport=httpx.MockTransport(noted)) as client:
        for call in CALLS:
            before = len(asked)
            try:
                call(client)
            except Unreachable:
                assert len(asked) > before, "refused before it was asked"
    paths = site.client.get("/api/v1/openapi.json").json()["paths"]
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    covered = {one for one in served if any(_is(one, request) for request in asked)}
    assert served - covered == set(WITHOUT_A_METHOD)
    assert all(any(_is(one, request) for one in served) for request in asked)


def _is(operation: tuple[str, str], request: tuple[str, str]) -> bool:
    pattern = re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(operation[1]))
    return operation[0] == request[0] and re.fullmatch(pattern, request[1]) is not None


def test_answers_are_the_shapes_of_the_api(site: Site, client: Client) -> None:
    query = client.queries.get(site.ids["fact"])
    assert query.model_dump(mode="json") == site.client.get(f"/api/v1/queries/{query.id}").json()
    run = client.runs.get(query.runs[-1].id)
    assert run.model_dump(mode="json") == site.client.get(f"/api/v1/runs/{run.id}").json()
    both = [one.id for one in query.runs[:2]]
    assert [one.run for one in client.runs.compare(both).runs] == both


def test_lists_are_followed_to_their_end(site: Site, client: Client) -> None:
    run = site.runs("fact")["large"]
    assert [row.rank for row in client.runs.influences(run, limit=7)] == list(range(1, 61))
    assert [row.rank for row in client.runs.influences(run, "negative", limit=5, offset=2)] == list(range(3, 13))
    everything = [query.id for query in client.queries.list(limit=4)]
    assert sorted(everything) == sorted(site.ids.values())
    assert len(list(client.runs.candidates(site.runs("wordings")["large"]))) == 60


def test_a_problem_is_raised_with_its_remedy_and_field(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        client.queries.submit(QueryForm.model_validate({**FORM, "models": ["enormous"]}))
    error = refused.value
    assert (error.status, error.field) == (422, "models")
    assert "enormous" in error.problem
    assert error.remedy in str(error)
    assert error.type.endswith("/invalid-input")
    with pytest.raises(ApiError, match="no query 'nothing'"):
        client.queries.get("nothing")


@pytest.mark.parametrize("name", ["model", "corpus"])
def test_what_is_not_there_is_told_with_the_way_to_what_is(client: Client, name: str) -> None:
    with pytest.raises(ApiError, match=f"influence {name} list"):
        getattr(client, name)("nothing")


def test_a_server_that_is_away_or_is_another_is_told_apart_from_a_problem() -> None:
    with Client("http://127.0.0.1:9", timeout=2) as away, pytest.raises(Unreachable, match="does not answer"):
        away.models()
    other = httpx.MockTransport(lambda _: httpx.Response(404, text="<h1>Not here</h1>"))
    with Client("http://other", transport=other) as foreign, pytest.raises(Unreachable, match="not of this API"):
        foreign.models()
    with pytest.raises(Unreachable, match="no address"):
        Client("localhost:8000")


def test_waiting_ends_with_the_runs_that_are_waited_for(site: Site, client: Client) -> None:
    seen: list[str] = []
    found = client.queries.wait(site.ids["failed"], told=lambda view: seen.append(view.id))
    assert seen == [found.id]
    with pytest.raises(TimeoutError, match="it goes on"):
        client.queries.wait(site.ids["running"], seconds=0)
    client.queries.wait(site.ids["running"], of=lambda run: run.state not in ("running", "queued"))


def test_only_the_runs_that_a_submission_asked_for_are_its_own(site: Site, client: Client) -> None:
    running = client.queries.get(site.ids["running"])
    done = [run.id for run in running.runs if run.state == "done"]
    asked = Submitted(id=running.id, url="", existing=True, runs=done)
    assert client.queries.wait(asked, seconds=0).id == running.id
    with pytest.raises(TimeoutError):
        client.queries.wait(asked.model_copy(update={"runs": [run.id for run in running.runs]}), seconds=0)


def test_this_machines_own_data_are_asked_without_a_server(tmp_path: Path) -> None:
    with here(quick_settings(tmp_path, None)) as client:
        assert client.status().models == []
        assert client.health()["status"] == "ok"
