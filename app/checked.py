"""Checks of kept sequences: what erasing tokens does to a score, and what really happens to log p."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import now
from app.tables import Base


class Check(Base):
    """A check of one kept sequence of a run: wished for, under way, or there with its result.

    kind: "erasure", "counterfactual" or "one_step"; each is made once for a run and sequence, and the id is a digest of
    the three. `result` is what `shapes.checks` says of the kind; `attempt` names the job, as a run's does.
    """

    __tablename__ = "checks"
    __table_args__ = (
        Index("ix_checks_run_id_sequence_id", "run_id", "sequence_id"),
        Index("ix_checks_state_queued_at", "state", "queued_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    sequence_id: Mapped[int] = mapped_column(BigInteger())
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="queued")
    stage: Mapped[str] = mapped_column(default="waiting")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=1)
    problem: Mapped[str | None]
    remedy: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    worker: Mapped[str | None]
    device: Mapped[str | None]
    seconds: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    queued_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
