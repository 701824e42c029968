"""What is told of the checks of a sequence while they are watched: the state of each.

The version is a digest of all that is told: a check's row counts no changes.
"""

from collections.abc import Sequence

from sqlalchemy.orm import Session, sessionmaker

from app.services import checks
from app.services.identity import digest
from app.services.shapes import CheckView
from app.web.events import ENDED, Payload, Reading, Told


def read(sessions: sessionmaker[Session], run_id: str, sequence_id: int) -> Reading:
    """The checks of a sequence of a run as they stand; where there is none the stream ends at once."""
    with sessions() as session:
        found = checks.of_run_sequence(session, run_id, sequence_id)
    return reading(run_id, sequence_id, found)


def reading(run_id: str, sequence_id: int, found: Sequence[CheckView]) -> Reading:
    """What is to be told of checks that were read; a page tells a stream with its version where to begin."""
    told = tuple(_told(one) for one in found)
    return Reading(
        version=digest("checks", [(one.of, one.name, one.data) for one in told]).hex()[:12],
        told=told,
        ended=all(one.state in ENDED for one in found),
        end={"run": run_id, "sequence_id": sequence_id},
    )


def _told(check: CheckView) -> Told:
    return Told(check.id, check.state, {"check": check.id, "kind": check.kind} | _state(check))


def _state(check: CheckView) -> Payload:
    match check.state:
        case "queued":
            return {"stage": check.stage}
        case "running":
            return {"stage": check.stage, "done": check.done, "total": check.total}
        case "done":
            return {"seconds": check.seconds}
        case "failed":
            return check.error.model_dump() if check.error else {"problem": "It failed.", "remedy": "Try it again."}
        case "cancelled":
            return {}
