"""What is told of a query while it is watched: the state of each run, and its provisional ten.

The version is `services.queries.version`, which grows with every change of the query's runs.
"""

from sqlalchemy.orm import Session, sessionmaker

from app.services import queries
from app.services.shapes import RunView
from app.web.events import ENDED, Payload, Reading, Told


def read(sessions: sessionmaker[Session], query_id: str) -> Reading:
    """The query as it stands; the version first, so that a change between the two is sent again, not lost."""
    with sessions() as session:
        version = queries.version(session, query_id)
        query = queries.get(session, query_id)
    return Reading(
        version=str(version),
        told=tuple(told for run in query.runs for told in _told(run)),
        ended=all(run.state in ENDED for run in query.runs),
        end={"query": query_id},
    )


def _told(run: RunView) -> list[Told]:
    """The events that tell a run's state: one named by the state, and the provisional ten where there are any."""
    named: Payload = {"run": run.id, "model": run.model}
    found = [Told(f"{run.id} state", run.state, named | _state(run))]
    if run.state == "running" and run.partial:
        rows = [row.model_dump() for row in run.partial]
        found.append(Told(f"{run.id} partial", "partial", named | {"rows": rows}))
    return found


def _state(run: RunView) -> Payload:
    match run.state:
        case "queued":
            return {"position": run.queue_position, "stage": run.stage}
        case "running":
            return {"stage": run.stage, "done": run.done, "total": run.total, "seconds_left": run.seconds_left}
        case "done":
            return {"log_p": run.log_p}
        case "failed":
            return run.error.model_dump() if run.error else {"problem": "It failed.", "remedy": "Try it again."}
        case "cancelled":
            return {}
