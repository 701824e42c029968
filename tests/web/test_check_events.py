"""The stream of a sequence's checks: what it tells of each, where it goes on, and where a page lets it begin."""

import asyncio
import json
import re
from functools import partial
from typing import Any

import pytest
from fastapi.sse import ServerSentEvent

from app.database import writing
from app.models import Check
from app.web import check_events, events
from tests.web.checked import COUNTERFACTUAL
from tests.web.conftest import Site

PROBLEM = {"problem": "The factors were fitted anew.", "remedy": "Ask the query again."}
STEPS: list[dict[str, Any]] = [
    {"state": "running", "stage": "solving", "done": 12, "total": 48},
    {"state": "running", "stage": "solving", "done": 24, "total": 48},
    {"state": "done", "stage": "finished", "result": COUNTERFACTUAL, "seconds": 12.5},
]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls often, so that tests do not wait."""
    monkeypatch.setattr(events, "POLL_SECONDS", 0.01)


def asked(site: Site, kind: str = "counterfactual", row: int = 5) -> tuple[str, int, str]:
    """A new check of a kept sequence: its run, its sequence and its id."""
    run = site.runs("fact")["large"]
    sequence = site.client.get(f"/api/v1/runs/{run}/influences").json()["rows"][row]["sequence_id"]
    made = site.client.post(f"/api/v1/runs/{run}/influences/{sequence}/checks", json={"kind": kind}).json()
    return run, sequence, made["id"]


def put(site: Site, check: str, **fields: object) -> None:
    """Changes a check as a worker does."""
    with writing(site.sessions) as session:
        row = session.get_one(Check, check)
        for name, value in fields.items():
            setattr(row, name, value)


def watch(
    site: Site, run: str, sequence: int, check: str, steps: list[dict[str, Any]], last: str | None = None
) -> list[ServerSentEvent]:
    """All events of a stream while the check goes through the steps, one after each batch of events."""

    async def collect() -> list[ServerSentEvent]:
        found: list[ServerSentEvent] = []
        left = list(steps)
        async for event in events.stream(partial(check_events.read, site.sessions, run, sequence), last):
            found.append(event)
            if event.id is not None and left:
                put(site, check, **left.pop(0))
        return found

    return asyncio.run(asyncio.wait_for(collect(), 20))


def test_a_check_is_told_from_the_line_to_its_end(site_to_change: Site) -> None:
    run, sequence, check = asked(site_to_change)
    found = watch(site_to_change, run, sequence, check, STEPS)
    assert [event.event for event in found] == ["queued", "running", "running", "done", "end"]
    assert [event.data["done"] for event in found[1:3]] == [12, 24]
    assert found[3].data == {"check": check, "kind": "counterfactual", "seconds": 12.5}
    assert len({event.id for event in found[:4]}) == 4, "each change has an id of its own"
    assert found[4].id == found[3].id


def test_a_failed_check_is_told_with_its_remedy(site_to_change: Site) -> None:
    run, sequence, check = asked(site_to_change)
    told = watch(site_to_change, run, sequence, check, [{"state": "failed", **PROBLEM}])[-2]
    assert told.event == "failed"
    assert told.data == {"check": check, "kind": "counterfactual", **PROBLEM}


def test_one_stream_tells_all_checks_of_a_sequence_and_lasts_as_long_as_the_last(site_to_change: Site) -> None:
    run, sequence, first = asked(site_to_change)
    _, _, second = asked(site_to_change, "erasure")
    put(site_to_change, first, **STEPS[2])
    found = watch(site_to_change, run, sequence, second, [{"state": "cancelled"}])
    assert [(event.event, event.data.get("check")) for event in found] == [
        ("done", first),
        ("queued", second),
        ("cancelled", second),
        ("end", None),
    ]
    assert [event.id is not None for event in found] == [False, True, True, True]


def test_a_stream_goes_on_where_it_broke_off(site_to_change: Site) -> None:
    run, sequence, check = asked(site_to_change)
    put(site_to_change, check, **STEPS[0])
    version = check_events.read(site_to_change.sessions, run, sequence).version

    async def first_two() -> list[str | None]:
        stream = events.stream(partial(check_events.read, site_to_change.sessions, run, sequence), version)
        pending = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.1)
        assert not pending.done(), "nothing has changed, so nothing is sent"
        put(site_to_change, check, **STEPS[2])
        return [(await pending).event, (await anext(stream)).event]

    assert asyncio.run(first_two()) == ["done", "end"]
    # From an older state the present one is told, and from the present one only the end.
    assert [event.event for event in watch(site_to_change, run, sequence, check, [], "older")] == ["done", "end"]
    last = check_events.read(site_to_change.sessions, run, sequence).version
    assert [event.event for event in watch(site_to_change, run, sequence, check, [], last)] == ["end"]


def test_leaving_a_stream_cancels_nothing(site_to_change: Site) -> None:
    run, sequence, check = asked(site_to_change)

    async def leave() -> None:
        stream = events.stream(partial(check_events.read, site_to_change.sessions, run, sequence), None)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert site_to_change.client.get(f"/api/v1/checks/{check}").json()["state"] == "queued"


def test_on_the_wire_a_sequence_without_checks_ends_at_once_and_an_unknown_run_is_refused(site: Site) -> None:
    run = site.runs("fact")["large"]
    answer = site.client.get(f"/api/v1/runs/{run}/influences/999999/checks/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    name, data, number = answer.text.strip().split("\n")
    assert name == "event: end"
    assert json.loads(data.removeprefix("data: ")) == {"run": run, "sequence_id": 999999}
    assert number.startswith("id: ")
    assert site.client.get("/api/v1/runs/nothing/influences/1/checks/events").status_code == 404


def test_a_page_with_a_check_under_way_names_the_stream_and_where_it_goes_on(site_to_change: Site) -> None:
    run, sequence, check = asked(site_to_change)
    address = f"/queries/{site_to_change.ids['fact']}/sequences/{sequence}?run={run}"
    shown = site_to_change.client.get(address).text
    found = re.search(r'data-checks="([^"]+)" data-version="(\w+)"', shown)
    assert found is not None
    put(site_to_change, check, **STEPS[2])
    told = site_to_change.client.get(f"{found[1]}/events", params={"after": found[2]}).text
    assert told.startswith("event: done")
    assert "js/checks.js" in shown
    # Without scripts the page has a link that reads it again.
    assert '<span class="no-script"> · <a href="">look again</a></span>' in shown
    ended = site_to_change.client.get(address).text
    assert "js/checks.js" not in ended
    assert "data-checks=" not in ended
