"""Where a stream of events goes on, as its routes take it."""

from typing import Annotated

from fastapi import Header, Query

LastEventId = Annotated[str | None, Header(description="the id of the last event that arrived")]
After = Annotated[str | None, Query(description="as Last-Event-ID, for a first connection")]
