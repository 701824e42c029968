"""Live progress: what is sent, in which order, under which id, and what a broken stream leaves behind."""

import asyncio
import json
from collections.abc import Callable
from functools import partial

import pytest
from fastapi.sse import ServerSentEvent
from sqlalchemy.orm import Session

from app.models import Run
from app.services import queries
from app.web import events, query_events
from tests.web.conftest import Site
from tests.web.filling import answer, results, unfinished

FORM = {"prompt": "The capital of Rosthaar is", "completion": "Velm", "models": ["small"], "corpus": "demo"}
Change = Callable[[Session, Run], None]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls often, so that tests do not wait."""
    monkeypatch.setattr(events, "POLL_SECONDS", 0.01)


def submitted(site: Site) -> tuple[str, str]:
    """A new query with one run: their ids."""
    query = site.client.post("/api/v1/queries", json=FORM).json()["id"]
    return query, site.client.get(f"/api/v1/queries/{query}").json()["runs"][0]["id"]


def change(site: Site, run_id: str, act: Change) -> None:
    """Changes a run as a worker does: its version grows with it."""
    with site.sessions() as session:
        run = session.get_one(Run, run_id)
        act(session, run)
        run.version += 1
        session.commit()


def running(_: Session, run: Run) -> None:
    unfinished(run, "running")


def failed(_: Session, run: Run) -> None:
    unfinished(run, "failed")


def done(session: Session, run: Run) -> None:
    session.commit()
    results.record(session, answer(run.id, run.model, 1, 5))


def watch(site: Site, query: str, steps: list[Change], run: str, last: str | None = None) -> list[ServerSentEvent]:
    """All events of a stream while the run goes through the steps, one after each event batch."""

    async def collect() -> list[ServerSentEvent]:
        found: list[ServerSentEvent] = []
        left = list(steps)
        async for event in events.stream(partial(query_events.read, site.sessions, query), last):
            found.append(event)
            if event.id is not None and left:
                change(site, run, left.pop(0))
        return found

    return asyncio.run(asyncio.wait_for(collect(), 20))


def test_a_run_is_told_from_its_place_in_line_to_its_end(new_site: Site) -> None:
    query, run = submitted(new_site)
    found = watch(new_site, query, [running, done], run)
    assert [event.event for event in found] == ["queued", "running", "partial", "done", "end"]
    assert found[0].data["position"] == 1
    assert found[1].data["seconds_left"] == 14.0
    assert found[1].data["stage"] == "scanning"
    assert len(found[2].data["rows"]) == 10
    assert found[3].data["log_p"] == pytest.approx(-0.96)


def test_a_failed_run_is_told_with_its_remedy(new_site: Site) -> None:
    query, run = submitted(new_site)
    last = watch(new_site, query, [failed], run)[-2]
    assert last.event == "failed"
    assert last.data["problem"]
    assert last.data["remedy"]


def test_only_the_last_event_of_a_batch_carries_the_version_so_that_a_break_within_it_loses_nothing(
    new_site: Site,
) -> None:
    query, run = submitted(new_site)
    found = watch(new_site, query, [running, done], run)
    assert [event.id is not None for event in found] == [True, False, True, True, True]
    with new_site.sessions() as session:
        assert found[-1].id == str(queries.version(session, query))


def test_a_stream_resumed_at_the_present_version_repeats_nothing(new_site: Site) -> None:
    query, run = submitted(new_site)
    change(new_site, run, running)
    with new_site.sessions() as session:
        version = str(queries.version(session, query))

    async def first_two() -> list[str | None]:
        stream = events.stream(partial(query_events.read, new_site.sessions, query), version)
        pending = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.1)
        assert not pending.done(), "nothing has changed, so nothing is sent"
        change(new_site, run, done)
        return [(await pending).event, (await anext(stream)).event]

    assert asyncio.run(first_two()) == ["done", "end"]


def test_a_stream_resumed_at_an_old_version_tells_the_present_state(new_site: Site) -> None:
    query, run = submitted(new_site)
    change(new_site, run, running)
    assert [event.event for event in watch(new_site, query, [done], run, last="1")][:2] == ["running", "partial"]


def test_leaving_a_stream_cancels_nothing(new_site: Site) -> None:
    query, run = submitted(new_site)
    change(new_site, run, running)

    async def leave() -> None:
        stream = events.stream(partial(query_events.read, new_site.sessions, query), None)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert new_site.client.get(f"/api/v1/queries/{query}").json()["runs"][0]["state"] == "running"
    assert [what for what, _, _ in new_site.jobs.asked] == ["run"]


def test_on_the_wire_events_are_named_json_with_ids_and_the_stream_ends(site: Site) -> None:
    answer = site.client.get(f"/api/v1/queries/{site.ids['fact']}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    blocks = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    assert [block[0] for block in blocks] == ["event: done"] * 3 + ["event: end"]
    data = json.loads(blocks[0][1].removeprefix("data: "))
    assert data["model"] == "small"
    assert blocks[-1][-1].startswith("id: ")


def test_a_finished_query_resumed_at_its_end_only_ends(site: Site) -> None:
    address = f"/api/v1/queries/{site.ids['fact']}/events"
    last = site.client.get(address).text.strip().rsplit("id: ", 1)[1]
    again = site.client.get(address, headers={"last-event-id": last}).text
    assert again.startswith("event: end")
