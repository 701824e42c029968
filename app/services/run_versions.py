"""What a run's lists depend on, in a few numbers: as long as they stay, so do the lists."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import AnnotationRow
from app.services import results


@dataclass(frozen=True)
class RunVersion:
    """`lists` changes when the run's sequences may; `shown` also with the labels and notes on them."""

    lists: tuple[str | int | None, ...]
    shown: tuple[str | int | None, ...]


def version(session: Session, run_id: str) -> RunVersion:
    """The version of a run that is there. Raises: NotFound."""
    run = results.find_run(session, run_id)
    told = select(func.count(), func.max(AnnotationRow.updated_at)).where(AnnotationRow.run_id == run_id)
    notes, latest = session.execute(told).one()
    lists = (run_id, run.version, run.attempt)
    return RunVersion(lists, (*lists, run.training_sequences, notes, None if latest is None else str(latest)))
