"""What people add to results: labels and notes, and collections of queries and sequences."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import now
from app.tables import Base


class AnnotationRow(Base):
    """A label and a note on a query, or on a sequence of a run; one row a subject, named by `subject`.

    subject: the query's id, or the run's with the sequence after a colon.
    """

    __tablename__ = "annotations"

    subject: Mapped[str] = mapped_column(primary_key=True)
    query_id: Mapped[str] = mapped_column(ForeignKey("queries.id", ondelete="CASCADE"), index=True)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    sequence_id: Mapped[int | None] = mapped_column(BigInteger())
    label: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class CollectionRow(Base):
    """Queries and sequences that somebody put together, under a name."""

    __tablename__ = "collections"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class CollectionItemRow(Base):
    """A query of a collection, or a sequence of a run; `place` orders them, from 1 without a gap."""

    __tablename__ = "collection_items"
    __table_args__ = (Index("ix_collection_items_collection_id_place", "collection_id", "place"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    place: Mapped[int]
    query_id: Mapped[str] = mapped_column(ForeignKey("queries.id", ondelete="CASCADE"), index=True)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    sequence_id: Mapped[int | None] = mapped_column(BigInteger())
    note: Mapped[str] = mapped_column(default="")
    added_at: Mapped[datetime] = mapped_column(default=now)
