"""The list of all queries, narrowed and read page by page."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.models import BatchRun, Query, Run
from app.services import cursors, views
from app.services.errors import InvalidInput
from app.services.shapes import QueryList, RunState

LIST = "queries"
OTHER_KIND = "other"
_SOUGHT = (Query.prompt, Query.completion, Query.title, Query.note)


@dataclass(frozen=True)
class Narrowing:
    """Which queries are listed: those for which all that is told holds.

    find: text that prompt, completion, title or note holds, upper and lower case alike; model, state: of one of its
    runs, both of the same where both are given; kind: "other" for those that have none; batch: asked with it.
    """

    curated: bool | None = None
    find: str | None = None
    model: str | None = None
    corpus: str | None = None
    state: RunState | None = None
    kind: str | None = None
    batch: str | None = None

    def of(self, chosen: Select[Any]) -> Select[Any]:
        """The statement, narrowed."""
        return chosen.where(*self._conditions())

    def _conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.curated is not None:
            yield Query.curated == self.curated
        if self.find:
            yield or_(*(column.icontains(self.find, autoescape=True) for column in _SOUGHT))
        if self.corpus is not None:
            yield Query.corpus == self.corpus
        if self.kind is not None:
            yield Query.kind.is_(None) if self.kind == OTHER_KIND else Query.kind == self.kind
        runs: list[ColumnElement[bool]] = [] if self.model is None else [Run.model == self.model]
        runs += [] if self.state is None else [Run.state == self.state]
        if self.batch is not None:
            runs.append(Run.id.in_(select(BatchRun.run).where(BatchRun.batch == self.batch)))
        if runs:
            yield Query.runs.any(and_(*runs))


def page(
    session: Session,
    narrowing: Narrowing = Narrowing(),
    *,
    cursor: str | None = None,
    offset: int = 0,
    limit: int = 50,
) -> QueryList:
    """Queries, newest first; the curated ones alone in the order they were put up.

    A page begins behind `cursor`, or after `offset` queries. Raises: InvalidInput for both, and for a cursor of
    another list or narrowing.
    """
    if cursor is not None and offset:
        raise InvalidInput("Both a cursor and an offset are given.", "Leave one of them out.", "cursor")
    oldest_first = bool(narrowing.curated)
    order = (Query.created_at if oldest_first else Query.created_at.desc(), Query.id)
    chosen = narrowing.of(select(Query).options(selectinload(Query.runs)).order_by(*order))
    choices = asdict(narrowing)
    if cursor is not None:
        chosen = chosen.where(_behind(*cursors.moment(LIST, choices, cursor), oldest_first))
    rows = list(session.scalars(chosen.offset(offset).limit(limit + 1)))
    last = rows[limit - 1] if len(rows) > limit else None
    following = None if last is None else cursors.after_moment(LIST, choices, last.created_at, last.id)
    return QueryList(rows=views.query_summaries(session, rows[:limit]), next=following)


def count(session: Session, narrowing: Narrowing = Narrowing()) -> int:
    """How many queries the list has."""
    return session.scalar(narrowing.of(select(func.count()).select_from(Query))) or 0


def kinds(session: Session) -> list[str]:
    """The kinds that queries have, and "other" where some have none."""
    found = session.scalars(select(Query.kind).distinct().order_by(Query.kind)).all()
    named = [kind for kind in found if kind is not None]
    return [*named, OTHER_KIND] if named and None in found else named


def _behind(at: datetime, key: str, oldest_first: bool) -> ColumnElement[Any]:
    if not oldest_first:
        return cursors.behind(Query.created_at, Query.id, at, key)
    return or_(Query.created_at > at, and_(Query.created_at == at, Query.id > key))
