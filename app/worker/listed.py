"""Candidates given with a query: the sequences that are scored in place of the corpus, and how a person reads them."""

from collections.abc import Sequence as Series
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.models import Model
from app.services import candidates
from app.services.candidates import Listed
from app.services.record import KeptSequence
from app.services.tokenizing import read
from app.worker.translate import numbers
from engine import CorpusError, Hit, Sequence

SOURCE = "candidates"
GLIMPSE = 160


def sequences_of(listed: Series[Listed], model: Model) -> list[Sequence]:
    """Each candidate as one sequence, tokenised as a document is.

    Raises: CorpusError, which names the candidate, where one is longer than the model's context or has no token to
        predict: a candidate is never cut.
    """
    found = candidates.obstacle(model, listed)
    if found is not None:
        raise CorpusError(found.problem, found.remedy)
    return [Sequence(read(model.tokenizer_json or "", one.text, model.begins_with).ids) for one in listed]


def groups_of(sequences: Series[Sequence]) -> NDArray[np.int64]:
    """For each sequence the first one of the same tokens."""
    first: dict[tuple[int, ...], int] = {}
    return np.asarray([first.setdefault(one.ids, place) for place, one in enumerate(sequences)], dtype=np.int64)


@dataclass(frozen=True)
class ListedTexts:
    """The candidates as a person reads them; `model` is the row whose tokenizer cut them."""

    listed: Series[Listed]
    model: Model

    def kept(self, hit: Hit) -> KeptSequence:
        """A hit with its text, ready to be stored."""
        one = self.listed[hit.index]
        reading = read(self.model.tokenizer_json or "", one.text, self.model.begins_with)
        return KeptSequence(
            sequence_id=hit.index,
            influence=hit.score,
            document=one.id,
            kind=None,
            source=SOURCE,
            text=one.text,
            token_ids=np.asarray(reading.ids, dtype=np.int32),
            offsets=np.asarray(reading.offsets, dtype=np.int32),
            token=numbers(hit.token),
            layer=numbers(hit.layer),
            matrix=numbers(hit.matrix),
        )

    def glimpse(self, sequence_id: int) -> tuple[str, str]:
        """The candidate's name and the beginning of its text."""
        one = self.listed[sequence_id]
        return one.id, one.text[:GLIMPSE]
