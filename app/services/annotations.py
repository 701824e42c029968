"""Labels and notes on queries and on sequences of a run: written by anybody, one of each a subject."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.columns import now
from app.database import begin_write
from app.models import AnnotationRow, Influence, Query, Run
from app.services import cursors
from app.services.characters import unusable
from app.services.errors import InvalidInput, NotFound
from app.services.shapes import Annotated, AnnotatedList, Annotation, AnnotationForm

LIST = "annotations"


@dataclass(frozen=True)
class Subject:
    """What an annotation stands on, or a collection holds: a query, or a sequence of one of its runs."""

    query: str
    run: str | None = None
    sequence_id: int | None = None

    @property
    def key(self) -> str:
        """Its name in one text."""
        return self.query if self.run is None else f"{self.run}:{self.sequence_id}"

    @property
    def url(self) -> str:
        """Its page."""
        sequence = "" if self.run is None else f"/sequences/{self.sequence_id}?run={self.run}"
        return f"/queries/{self.query}{sequence}"


def checked(session: Session, subject: Subject) -> Subject:
    """The subject, which is there. Raises: NotFound; InvalidInput where only one of run and sequence is told."""
    if (subject.run is None) != (subject.sequence_id is None):
        raise InvalidInput(
            "A sequence is named by its run and its place in the corpus; only one of them is given.",
            "Give both `run` and `sequence_id`, or neither for the query itself.",
            "run" if subject.run is None else "sequence_id",
        )
    if session.get(Query, subject.query) is None:
        raise NotFound(
            f"There is no query {subject.query!r}.", "Check its id: GET /api/v1/queries lists them.", "query"
        )
    if subject.run is not None:
        _check_sequence(session, subject)
    return subject


def _check_sequence(session: Session, subject: Subject) -> None:
    run = session.get(Run, subject.run)
    if run is None or run.query_id != subject.query:
        raise NotFound(
            f"The query {subject.query!r} has no run {subject.run!r}.", "Look at the query for its runs.", "run"
        )
    kept = select(Influence.rank).where(Influence.run_id == run.id, Influence.sequence_id == subject.sequence_id)
    if session.scalar(kept.limit(1)) is None:
        raise NotFound(
            f"The run {run.id!r} keeps no sequence {subject.sequence_id}.",
            "Only the heaviest sequences of each sign are kept; choose one of its lists.",
            "sequence_id",
        )


def of_run(session: Session, run_id: str, sequence_id: int) -> Subject:
    """A sequence of a run as a subject. Raises: NotFound for an unknown run."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id!r}.", "Look at the query for its runs.")
    return Subject(run.query_id, run_id, sequence_id)


def usable(text: str, field: str) -> str:
    """The text without white space around it. Raises: InvalidInput for a character that no text holds."""
    bad = unusable(text)
    if bad is not None:
        raise InvalidInput(f"The {field} holds the character {bad}, which is no text.", "Take it out.", field)
    return text.strip()


def put(session: Session, subject: Subject, form: AnnotationForm) -> Annotation:
    """Writes or replaces the annotation of a subject. Raises: NotFound; InvalidInput where nothing is written."""
    label, note = " ".join(usable(form.label, "label").split()), usable(form.note, "note")
    if not label and not note:
        raise InvalidInput("Neither a label nor a note is written.", "Write one, or delete the annotation.", "label")
    begin_write(session)
    checked(session, subject)
    row = session.get(AnnotationRow, subject.key)
    if row is None:
        row = AnnotationRow(
            subject=subject.key, query_id=subject.query, run_id=subject.run, sequence_id=subject.sequence_id
        )
        session.add(row)
    row.label, row.note, row.updated_at = label, note, now()
    session.commit()
    return _view(row)


def delete(session: Session, subject: Subject) -> None:
    """Takes the annotation of a subject away; one that has none is left as it is. Raises: NotFound."""
    begin_write(session)
    checked(session, subject)
    row = session.get(AnnotationRow, subject.key)
    if row is not None:
        session.delete(row)
    session.commit()


def get(session: Session, subject: Subject) -> Annotation | None:
    """What stands on a subject, if anything does."""
    row = session.get(AnnotationRow, subject.key)
    return None if row is None else _view(row)


def of_subjects(session: Session, subjects: Collection[Subject]) -> dict[str, Annotation]:
    """The annotations of many subjects, by `Subject.key`; those without one are left out."""
    keys = [subject.key for subject in subjects]
    found = session.scalars(select(AnnotationRow).where(AnnotationRow.subject.in_(keys)))
    return {row.subject: _view(row) for row in found}


def of_run_sequences(session: Session, run_id: str) -> dict[int, Annotation]:
    """The annotations of a run's sequences, by sequence."""
    chosen = select(AnnotationRow).where(AnnotationRow.run_id == run_id)
    return {row.sequence_id: _view(row) for row in session.scalars(chosen) if row.sequence_id is not None}


def recent(session: Session, *, query: str | None = None, cursor: str | None = None, limit: int = 50) -> AnnotatedList:
    """All annotations, or those of a query and of its runs' sequences, the latest first."""
    moments, keys = AnnotationRow.updated_at, AnnotationRow.subject
    chosen = select(AnnotationRow).order_by(moments.desc(), keys).limit(limit + 1)
    if query is not None:
        chosen = chosen.where(AnnotationRow.query_id == query)
    if cursor is not None:
        chosen = chosen.where(cursors.behind(moments, keys, *cursors.moment(LIST, query, cursor)))
    rows = list(session.scalars(chosen))
    last = rows[limit - 1] if len(rows) > limit else None
    following = None if last is None else cursors.after_moment(LIST, query, last.updated_at, last.subject)
    return AnnotatedList(rows=[_annotated(row) for row in rows[:limit]], next=following)


def _view(row: AnnotationRow) -> Annotation:
    return Annotation(label=row.label, note=row.note, updated_at=row.updated_at)


def _annotated(row: AnnotationRow) -> Annotated:
    subject = Subject(row.query_id, row.run_id, row.sequence_id)
    return Annotated(
        label=row.label,
        note=row.note,
        updated_at=row.updated_at,
        query=row.query_id,
        run=row.run_id,
        sequence_id=row.sequence_id,
        url=subject.url,
    )
