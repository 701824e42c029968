"""What stands around a kept sequence: its neighbours in its document, and the other queries that keep it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, undefer

from app.models import Influence, Model, Query, Run
from app.services import cut_sequences, documents, units
from app.services.cut_sequences import CutSequences
from app.services.documents import StoredDocuments
from app.services.errors import Conflict, NotFound, ServiceError
from app.services.shapes import DocumentView, KeptPlace, Neighbour, Sign, Surroundings
from app.services.tokenizing import read

MOST_PLACES = 20
MOST_OF_DOCUMENT = 100
MOST_SEQUENCES = 200
# A longer document is not tokenised while somebody waits for a page.
MOST_CHARACTERS = 400_000


def of_sequence(session: Session, home: Path, run_id: str, sequence_id: int) -> Surroundings:
    """Neighbours and other holders of a kept sequence. What is not on this machine is left unknown.

    Raises: NotFound where the run does not keep the sequence.
    """
    run = session.get(Run, run_id)
    kept = None if run is None else _kept(session, run, sequence_id)
    if run is None or kept is None:
        raise NotFound(f"The run {run_id!r} keeps no sequence {sequence_id}.", "Look at the query for its lists.")
    places = _places_beside(session, home, run, kept)
    return Surroundings(document=kept.document, elsewhere=_elsewhere(session, run, sequence_id), **places)


def _kept(session: Session, run: Run, sequence_id: int) -> Influence | None:
    mine = select(Influence).where(Influence.run_id == run.id, Influence.sequence_id == sequence_id)
    return session.scalar(mine.limit(1))


def _places_beside(session: Session, home: Path, run: Run, kept: Influence) -> dict[str, Any]:
    nothing = {"pieces": None, "place": None, "previous": None, "next": None}
    try:
        cut = cut_sequences.of_run(session, home, run)
        if cut is None:
            return nothing
        stored = documents.of_corpus(session, home, session.get_one(Query, run.query_id).corpus)
        number = stored.number(kept.document)
    except ServiceError:
        return nothing
    holders = cut.of_document(number)
    if kept.sequence_id not in holders:
        return nothing
    at = holders.index(kept.sequence_id)
    beside = {"previous": holders[at - 1] if at else None, "next": holders[at + 1] if at + 1 < len(holders) else None}
    looked_at = _Document(session, run, cut, stored, number)
    found = {name: None if one is None else looked_at.neighbour(one) for name, one in beside.items()}
    return {"pieces": len(holders), "place": at + 1, **found}


class _Document:
    """A document as a run's model reads it, from which neighbours are told."""

    def __init__(self, session: Session, run: Run, cut: CutSequences, stored: StoredDocuments, number: int) -> None:
        self._session, self._run, self._cut, self._number = session, run, cut, number
        self._model = session.get_one(Model, run.model, options=[undefer(Model.tokenizer_json)])
        self._text = stored[number].text

    def neighbour(self, sequence_id: int) -> Neighbour:
        """A sequence of the document with its own text there."""
        kept = _kept(self._session, self._run, sequence_id)
        return Neighbour(
            sequence_id=sequence_id,
            text=self._stretch(sequence_id),
            kept=kept is not None,
            sign=None if kept is None else cast(Sign, kept.sign),
            rank=None if kept is None else kept.rank,
            influence=None if kept is None else kept.influence,
        )

    def _stretch(self, sequence_id: int) -> str | None:
        if len(self._text) > MOST_CHARACTERS or self._model.tokenizer_json is None:
            return None
        lead = 0 if self._model.begins_with is None else 1
        mine = [one for one in self._cut.pieces(sequence_id, lead) if one.document == self._number]
        offsets = read(self._model.tokenizer_json, self._text, None).offsets
        shown = offsets[mine[0].start : mine[-1].start + mine[-1].count]
        return self._text[shown[0][0] : shown[-1][1]] if shown else ""


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
