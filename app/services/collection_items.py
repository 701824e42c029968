"""The items of a collection as they are told: with the question, and of a sequence its rank, score and text."""

from collections.abc import Sequence as Many

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, defer

from app.models import CollectionItemRow, Influence, Query, Run
from app.services import annotations, units
from app.services.annotations import Subject
from app.services.shapes import Annotation, CollectionItem

Place = tuple[str | None, int | None]


def contents(session: Session, items: Many[CollectionItemRow]) -> list[CollectionItem]:
    """The items with what they name, read in a few statements however many they are."""
    queries = {one.id: one for one in session.scalars(select(Query).where(Query.id.in_({i.query_id for i in items})))}
    runs = {one.id: one for one in session.scalars(select(Run).where(Run.id.in_({i.run_id for i in items})))}
    kept = _kept(session, items)
    noted = annotations.of_subjects(session, [subject_of(item) for item in items])
    return [_item(item, queries[item.query_id], runs.get(item.run_id or ""), kept, noted) for item in items]


def subject_of(item: CollectionItemRow) -> Subject:
    """What an item names."""
    return Subject(item.query_id, item.run_id, item.sequence_id)


def _kept(session: Session, items: Many[CollectionItemRow]) -> dict[Place, Influence]:
    """The sequences that items name, without their arrays."""
    places = {(item.run_id, item.sequence_id) for item in items if item.run_id is not None}
    chosen = select(Influence).where(tuple_(Influence.run_id, Influence.sequence_id).in_(places))
    light = (defer(Influence.token), defer(Influence.layer), defer(Influence.token_ids), defer(Influence.offsets))
    return {(one.run_id, one.sequence_id): one for one in session.scalars(chosen.options(*light))}


def _item(
    item: CollectionItemRow,
    query: Query,
    run: Run | None,
    kept: dict[Place, Influence],
    noted: dict[str, Annotation],
) -> CollectionItem:
    subject = subject_of(item)
    found = kept.get((item.run_id, item.sequence_id))
    return CollectionItem.model_validate(
        {
            **{name: getattr(item, name) for name in ("id", "place", "note", "sequence_id", "added_at")},
            "query": query.id,
            "prompt": query.prompt,
            "completion": query.completion,
            "url": subject.url,
            "run": item.run_id,
            "model": None if run is None else run.model,
            **{name: getattr(found, name, None) for name in ("sign", "rank", "influence", "document", "text")},
            "nats_per_copy": None
            if found is None or run is None
            else units.nats_per_copy(found.influence, run.training_sequences),
            "annotation": noted.get(subject.key),
        }
    )
