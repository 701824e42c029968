"""What stands around a kept sequence: its places in its documents, and the other queries that keep it."""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.models import Influence, Query, Run
from app.services import cut_sequences, documents, neighbours, units
from app.services.cut_sequences import CutSequences
from app.services.errors import Conflict, NotFound
from app.services.shapes import DocumentView, KeptPlace, Sign, Surroundings

MOST_PLACES = 20
MOST_OF_DOCUMENT = 100
MOST_SEQUENCES = 200


def of_sequence(session: Session, home: Path, run_id: str, sequence_id: int) -> Surroundings:
    """A kept sequence's place in its documents, and its other holders. What is not on this machine is left unknown.

    Raises: NotFound where the run does not keep the sequence.
    """
    run = session.get(Run, run_id)
    kept = None if run is None else neighbours.kept_by(session, run, sequence_id)
    if run is None or kept is None:
        raise NotFound(f"The run {run_id!r} keeps no sequence {sequence_id}.", "Look at the query for its lists.")
    places, left_out = neighbours.places(session, home, run, kept)
    return Surroundings(documents=places, left_out=left_out, elsewhere=_elsewhere(session, run, sequence_id))


def _elsewhere(session: Session, run: Run, sequence_id: int) -> list[KeptPlace]:
    """Other queries' runs that number the corpus's sequences alike and keep this one, the heaviest first."""
    query = session.get_one(Query, run.query_id)
    if query.candidates is not None:
        return []
    same = (Query.corpus == query.corpus, Query.candidates.is_(None), Query.id != query.id)
    cut = Run.tokenizer_fingerprint == run.tokenizer_fingerprint
    return _places(session, Influence.sequence_id == sequence_id, *same, cut, limit=MOST_PLACES)


def _places(session: Session, *where: ColumnElement[bool], limit: int) -> list[KeptPlace]:
    chosen = (
        select(Influence.sign, Influence.rank, Influence.sequence_id, Influence.influence, Run, Query)
        .join(Run, Run.id == Influence.run_id)
        .join(Query, Query.id == Run.query_id)
        .where(Run.state == "done", *where)
    )
    # Raw values are no measure beside those per copy, so they come behind them.
    weight = func.abs(Influence.influence) / func.coalesce(Run.training_sequences, 1)
    order = (Run.training_sequences.is_(None), weight.desc(), Influence.rank, Run.id)
    rows = session.execute(chosen.order_by(*order).limit(limit))
    return [
        _place(cast(Sign, sign), rank, sequence_id, influence, run, query)
        for sign, rank, sequence_id, influence, run, query in rows
    ]


def _place(sign: Sign, rank: int, sequence_id: int, influence: float, run: Run, query: Query) -> KeptPlace:
    return KeptPlace(
        query=query.id,
        prompt=query.prompt,
        completion=query.completion,
        run=run.id,
        model=run.model,
        sign=sign,
        rank=rank,
        sequence_id=sequence_id,
        influence=influence,
        nats_per_copy=units.nats_per_copy(influence, run.training_sequences),
        unit=units.unit(run.training_sequences).key,
    )


def of_document(session: Session, home: Path, corpus: str, document: str) -> DocumentView:
    """A document whole, and what any run keeps of it. Raises: NotFound, Conflict where the corpus is not here."""
    stored = documents.of_corpus(session, home, corpus)
    number = stored.number(document)
    found = stored[number]
    cuts = _cuts(session, home, corpus)
    return DocumentView(
        corpus=corpus,
        id=found.id,
        number=number,
        total=len(stored),
        kind=found.kind,
        source=found.source,
        text=found.text,
        metadata=found.metadata,
        previous=stored.id(number - 1),
        next=stored.id(number + 1),
        sequences=list(dict.fromkeys(one for cut in cuts or () for one in cut.of_document(number)))[:MOST_SEQUENCES],
        kept=_named(session, corpus, document) if cuts is None else _of_document(session, corpus, cuts, number),
    )


def _cuts(session: Session, home: Path, corpus: str) -> list[CutSequences] | None:
    """How tokenizers cut the corpus; None where that cannot be read on this machine."""
    try:
        return cut_sequences.of_corpus(session, home, corpus)
    except Conflict:
        return None


def _named(session: Session, corpus: str, document: str) -> list[KeptPlace]:
    """The kept sequences that are named after a document: all that is known where the cut is not at hand."""
    same = (Query.corpus == corpus, Query.candidates.is_(None))
    return _places(session, Influence.document == document, *same, limit=MOST_OF_DOCUMENT)


def _of_document(session: Session, corpus: str, cuts: Iterable[CutSequences], number: int) -> list[KeptPlace]:
    found: list[KeptPlace] = []
    for cut in cuts:
        found += _places(
            session,
            Influence.sequence_id.in_(cut.of_document(number)[:MOST_SEQUENCES]),
            Query.corpus == corpus,
            Query.candidates.is_(None),
            Run.corpus_fingerprint.in_(cut.fingerprints),
            Run.tokenizer_fingerprint == cut.tokenizer_fingerprint,
            limit=MOST_OF_DOCUMENT,
        )
    return sorted(found, key=_weight)[:MOST_OF_DOCUMENT]


def _weight(place: KeptPlace) -> tuple[bool, float, int]:
    """What orders places: those per added copy before raw ones, the heaviest first."""
    known = place.nats_per_copy
    return known is None, -abs(place.influence if known is None else known), place.rank
