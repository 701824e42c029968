"""Server-sent events of work that goes on: its present state first, then every change, then the end.

An event's id is the version of what was read. Only the last event of a batch carries it, so a stream that breaks
within a batch is resumed before that batch, never after. A dropped stream cancels nothing: the worker does not know
who is watching.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from anyio.to_thread import run_sync
from fastapi.sse import ServerSentEvent

POLL_SECONDS = 0.5
ENDED = ("done", "failed", "cancelled")
Payload = dict[str, object]


@dataclass(frozen=True)
class Told:
    """One event: its name, its data, and whose state it tells. A later one of the same `of` takes its place."""

    of: str
    name: str
    data: Payload


@dataclass(frozen=True)
class Reading:
    """All that can be told of the work at one version; `end` is the data of the last event once it has `ended`."""

    version: str
    told: tuple[Told, ...]
    ended: bool
    end: Payload


def _changes(reading: Reading, sent: dict[str, Told]) -> list[ServerSentEvent]:
    """The events that differ from what was last sent in their place, the last of them with the version as its id."""
    fresh = [told for told in reading.told if sent.get(told.of) != told]
    sent |= {told.of: told for told in fresh}
    found = [ServerSentEvent(event=told.name, data=told.data) for told in fresh]
    if found:
        found[-1] = found[-1].model_copy(update={"id": reading.version})
    return found


async def stream(read: Callable[[], Reading], last_event_id: str | None) -> AsyncIterator[ServerSentEvent]:
    """Events until the work has ended; after a break, `last_event_id` skips what was already told.

    read: looks at the work; it may block, and is called in a thread.
    """
    sent: dict[str, Told] = {}
    reading = await run_sync(read)
    if last_event_id == reading.version:
        _changes(reading, sent)
    while True:
        for event in _changes(reading, sent):
            yield event
        if reading.ended:
            yield ServerSentEvent(event="end", data=reading.end, id=reading.version)
            return
        await asyncio.sleep(POLL_SECONDS)
        reading = await run_sync(read)
