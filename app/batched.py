"""Batches: many queries that were asked together."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import now
from app.tables import Base


class Batch(Base):
    """Queries asked from one file. The id is a digest of their runs: the same file again is the same batch.

    `queries` is how many there are; `left_out` how many lines of the file could not be asked and were left out.
    """

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str | None]
    queries: Mapped[int]
    left_out: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)


class BatchRun(Base):
    """A run that a batch asked for. `position` is its query's place in the batch, from 1, `line` the file's line."""

    __tablename__ = "batch_runs"

    batch: Mapped[str] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, index=True)
    line: Mapped[int]
