"""Where a kept sequence stands in the documents that it holds some of: what lies before and after it in each."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app.models import Influence, Model, Query, Run
from app.services import cut_sequences, documents
from app.services.cut_sequences import CutSequences
from app.services.documents import StoredDocuments
from app.services.errors import NotFound, ServiceError
from app.services.shapes import DocumentPlace, Neighbour, Sign
from app.services.tokenizing import read

# A packed sequence of short documents can hold hundreds.
MOST_DOCUMENTS = 8
# A longer document is not tokenised while somebody waits for a page.
MOST_CHARACTERS = 400_000


def kept_by(session: Session, run: Run, sequence_id: int) -> Influence | None:
    """The row of a sequence that a run keeps."""
    mine = select(Influence).where(Influence.run_id == run.id, Influence.sequence_id == sequence_id)
    return session.scalar(mine.limit(1))


def places(session: Session, home: Path, run: Run, kept: Influence) -> tuple[list[DocumentPlace], int]:
    """The sequence's place in each of its documents, the one it is named after first, and how many are left out.

    A place that cannot be found on this machine is told without pieces and neighbours.
    """
    names = list(dict.fromkeys([kept.document, *(one["document"] for one in kept.documents or ())]))
    shown = names[:MOST_DOCUMENTS]
    found = _known(session, home, run, kept.sequence_id, shown) or [_nowhere(one) for one in shown]
    return found, len(names) - len(shown)


def _nowhere(document: str) -> DocumentPlace:
    return DocumentPlace(document=document, pieces=None, place=None, previous=None, next=None)


def _known(session: Session, home: Path, run: Run, sequence_id: int, names: list[str]) -> list[DocumentPlace] | None:
    """The places that the corpus and its cut tell; None where these are not at hand."""
    try:
        cut = cut_sequences.of_run(session, home, run)
        if cut is None:
            return None
        stored = documents.of_corpus(session, home, session.get_one(Query, run.query_id).corpus)
    except ServiceError:
        return None
    numbers = _numbers(stored, names)
    holders = cut.of_documents(numbers.values())
    return [
        _place(_Document(session, run, cut, stored, numbers[name]), name, sequence_id, holders[numbers[name]])
        if name in numbers
        else _nowhere(name)
        for name in names
    ]


def _numbers(stored: StoredDocuments, names: list[str]) -> Mapping[str, int]:
    """The place in the corpus of each document that is there."""
    found = {}
    for name in names:
        try:
            found[name] = stored.number(name)
        except NotFound:
            continue
    return found


def _place(looked_at: "_Document", name: str, sequence_id: int, holders: list[int]) -> DocumentPlace:
    """Where a sequence stands among those that hold some of a document."""
    if sequence_id not in holders:
        return _nowhere(name)
    at = holders.index(sequence_id)
    return DocumentPlace(
        document=name,
        pieces=len(holders),
        place=at + 1,
        previous=looked_at.neighbour(holders[at - 1]) if at else None,
        next=looked_at.neighbour(holders[at + 1]) if at + 1 < len(holders) else None,
    )


class _Document:
    """A document as a run's model reads it, from which neighbours are told."""

    def __init__(self, session: Session, run: Run, cut: CutSequences, stored: StoredDocuments, number: int) -> None:
        self._session, self._run, self._cut, self._stored, self._number = session, run, cut, stored, number

    @cached_property
    def _text(self) -> str:
        return self._stored[self._number].text

    @cached_property
    def _model(self) -> Model:
        return self._session.get_one(Model, self._run.model, options=[undefer(Model.tokenizer_json)])

    @cached_property
    def _offsets(self) -> list[tuple[int, int]] | None:
        """The characters of each token; None where the document is too long, or its tokenizer is not known."""
        if len(self._text) > MOST_CHARACTERS or self._model.tokenizer_json is None:
            return None
        return read(self._model.tokenizer_json, self._text, None).offsets

    def neighbour(self, sequence_id: int) -> Neighbour:
        """A sequence of the document with its own text there."""
        kept = kept_by(self._session, self._run, sequence_id)
        return Neighbour(
            sequence_id=sequence_id,
            text=self._stretch(sequence_id),
            kept=kept is not None,
            sign=None if kept is None else cast(Sign, kept.sign),
            rank=None if kept is None else kept.rank,
            influence=None if kept is None else kept.influence,
        )

    def _stretch(self, sequence_id: int) -> str | None:
        if self._offsets is None:
            return None
        lead = 0 if self._model.begins_with is None else 1
        mine = [one for one in self._cut.pieces(sequence_id, lead) if one.document == self._number]
        shown = self._offsets[mine[0].start : mine[-1].start + mine[-1].count]
        return self._text[shown[0][0] : shown[-1][1]] if shown else ""
