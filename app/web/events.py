"""Live progress of a query as server-sent events: the present state first, then every change, then the end.

An event's id is `services.queries.version`, which grows with every change of the query's runs. Only the last
event of a batch carries it, so a stream that breaks within a batch is resumed before that batch, never after.
A dropped stream cancels nothing: the worker does not know who is watching.
"""

import asyncio
from collections.abc import AsyncIterator

from anyio.to_thread import run_sync
from fastapi.sse import ServerSentEvent
from pydantic import BaseModel
from sqlalchemy.orm import Session, sessionmaker

from app.services import queries
from app.services.shapes import QueryView, RunView

POLL_SECONDS = 0.5
ENDED = ("done", "failed", "cancelled")
Payload = tuple[str, dict[str, object]]


class Reading(BaseModel):
    """The query and the version it was read at."""

    version: int
    query: QueryView


def payloads(run: RunView) -> list[Payload]:
    """The events that tell a run's state: one named by the state, and the provisional ten where there are any."""
    told: dict[str, object] = {"run": run.id, "model": run.model}
    match run.state:
        case "queued":
            told |= {"position": run.queue_position, "stage": run.stage}
        case "running":
            told |= {"stage": run.stage, "done": run.done, "total": run.total, "seconds_left": run.seconds_left}
        case "done":
            told |= {"log_p": run.log_p}
        case "failed":
            told |= run.error.model_dump() if run.error else {"problem": "It failed.", "remedy": "Try it again."}
        case "cancelled":
            pass
    found: list[Payload] = [(run.state, told)]
    if run.state == "running" and run.partial:
        rows = [row.model_dump() for row in run.partial]
        found.append(("partial", {"run": run.id, "model": run.model, "rows": rows}))
    return found


def read(sessions: sessionmaker[Session], query_id: str) -> Reading:
    """The query and its version; the version first, so that a change between the two is sent again, not lost."""
    with sessions() as session:
        version = queries.version(session, query_id)
        return Reading(version=version, query=queries.get(session, query_id))


def changes(reading: Reading, sent: dict[tuple[str, str], dict[str, object]]) -> list[Payload]:
    """The events whose content differs from what was last sent under the same run and name."""
    fresh: list[Payload] = []
    for run in reading.query.runs:
        for name, told in payloads(run):
            key = (run.id, "partial" if name == "partial" else "state")
            marked = {"event": name, **told}
            if sent.get(key) != marked:
                sent[key] = marked
                fresh.append((name, told))
    return fresh


def _events(fresh: list[Payload], version: int) -> list[ServerSentEvent]:
    events = [ServerSentEvent(event=name, data=told) for name, told in fresh]
    if events:
        events[-1] = events[-1].model_copy(update={"id": str(version)})
    return events


async def stream(
    sessions: sessionmaker[Session], query_id: str, last_event_id: str | None
) -> AsyncIterator[ServerSentEvent]:
    """Events until every run has ended; after a break, `last_event_id` skips what was already told."""
    sent: dict[tuple[str, str], dict[str, object]] = {}
    reading = await run_sync(read, sessions, query_id)
    if last_event_id == str(reading.version):
        changes(reading, sent)
    while True:
        for event in _events(changes(reading, sent), reading.version):
            yield event
        if all(run.state in ENDED for run in reading.query.runs):
            yield ServerSentEvent(event="end", data={"query": query_id}, id=str(reading.version))
            return
        await asyncio.sleep(POLL_SECONDS)
        reading = await run_sync(read, sessions, query_id)
