"""Candidates as their page shows them: in their own order, each against one of them, with what is new in it."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from app.services.shapes import CandidatePage, CandidateRow
from app.services.units import Unit
from app.web import tokens
from app.web.context import CandidateView, VersionPiece
from app.web.views import sequence_url

SIDE_BY_SIDE = 4
Stretch = tuple[int, int]


def candidate_views(page: CandidatePage, reference: CandidateRow, unit: Unit) -> tuple[CandidateView, ...]:
    """The rows of a page; few stand side by side, whole and under one scale of tints, with what is new marked."""
    whole = page.total <= SIDE_BY_SIDE
    shared = max((tokens.scale_of(row.token_influences) for row in page.rows), default=0.0)
    return tuple(
        CandidateView(
            row=row,
            url=None if row.rank is None else sequence_url(page.query, row.sequence_id, page.run),
            value=unit.of(row.influence),
            difference=unit.of(row.difference),
            pieces=_pieces(row, reference, shared) if whole else (),
            snippet=None if whole else tokens.snippet(_shown(row), row.token_influences),
        )
        for row in page.rows
    )


def _pieces(row: CandidateRow, reference: CandidateRow, scale: float) -> tuple[VersionPiece, ...]:
    new = [] if row.place == reference.place else added(reference.text, row.text)
    if not row.tokens:
        return (VersionPiece(tokens.plain(row.text), new=False),)
    found, start = [], 0
    shown = _shown(row)
    for piece, text in zip(tokens.every(shown, row.token_influences, scale), shown, strict=True):
        stop = start + len(text)
        # A beginning-of-sequence token shows nothing here: it is no part of the text.
        if text:
            found.append(VersionPiece(piece, new=any(begin < stop and start < end for begin, end in new)))
        start = stop
    return tuple(found)


def _shown(row: CandidateRow) -> list[str]:
    """The tokens, a beginning-of-sequence token without its name."""
    named = bool(row.tokens) and not row.text.startswith(row.tokens[0])
    return ["", *row.tokens[1:]] if named else row.tokens


def added(before: str, after: str) -> list[Stretch]:
    """The stretches of `after`, in characters, whose words `before` does not have in their place."""
    first, second = _words(before), _words(after)
    places = [0]
    for word in second:
        places.append(places[-1] + len(word))
    changes = SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    return [(places[start], places[stop]) for kind, _, _, start, stop in changes if kind != "equal" and start < stop]


def _words(text: str) -> Sequence[str]:
    """Words, and what stands between them, one entry each; put together they are the text."""
    return re.findall(r"\w+|\s+|[^\w\s]", text)
