"""Texts that are scored in place of a corpus: what is refused, where they are kept, how a model reads them."""

from collections.abc import Sequence as Many
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.models import CandidateList, Model
from app.services import identity, tokenizing
from app.services.characters import unusable
from app.services.errors import InvalidInput, NotFound
from app.services.shapes import Candidate, CandidateListView, CandidateTexts, Problem

MOST_TEXTS = 2_000
MOST_BYTES = 2_000_000
LEAST_TOKENS = 2
LONGEST_ID = 200
SHORTER = "Leave some out, or ask about them in several queries."


@dataclass(frozen=True)
class Listed:
    """A candidate by the name that pages and files show."""

    id: str
    text: str


def checked(given: Many[Candidate | str]) -> list[Listed]:
    """The candidates with a name each, in their order.

    Raises: InvalidInput, which names the candidate at fault: blank, of a character that no text holds, or of a name
    that another has; and where they are none, too many, or too large together.
    """
    if not given:
        raise InvalidInput("There is no candidate to score.", "Give one text or more.", "candidates")
    if len(given) > MOST_TEXTS:
        raise InvalidInput(f"{len(given):,} candidates are given; {MOST_TEXTS:,} is the most.", SHORTER, "candidates")
    named = [_named(place, one) for place, one in enumerate(given, start=1)]
    for place, one in enumerate(named, start=1):
        _check(place, one)
    _check_names(named)
    size = sum(len(one.text.encode()) for one in named)
    if size > MOST_BYTES:
        raise InvalidInput(f"The candidates have {size:,} bytes; {MOST_BYTES:,} is the most.", SHORTER, "candidates")
    return named


def _named(place: int, given: Candidate | str) -> Listed:
    if isinstance(given, str):
        return Listed(f"candidate {place}", given)
    return Listed((given.id or "").strip() or f"candidate {place}", given.text)


def _check(place: int, one: Listed) -> None:
    who = f"Candidate {place}" if one.id == f"candidate {place}" else f"Candidate {place} ({one.id!r})"
    if not one.text.strip():
        raise InvalidInput(f"{who} is blank.", "Write a text for it, or leave it out.", "candidates")
    bad = unusable(one.text) or unusable(one.id)
    if bad is not None:
        raise InvalidInput(f"{who} holds the character {bad}, which is no text.", "Take it out.", "candidates")
    if len(one.id) > LONGEST_ID:
        raise InvalidInput(
            f"Candidate {place} has a name of {len(one.id):,} characters.",
            f"Give it one of at most {LONGEST_ID}.",
            "candidates",
        )


def _check_names(named: Many[Listed]) -> None:
    seen: dict[str, int] = {}
    for place, one in enumerate(named, start=1):
        first = seen.setdefault(one.id, place)
        if first != place:
            raise InvalidInput(
                f"The candidates {first} and {place} are both named {one.id!r}.",
                "Give each a name of its own, or none.",
                "candidates",
            )


def keep(session: Session, listed: Many[Listed], label: str | None = None) -> CandidateList:
    """The stored list of these texts; the same texts under the same names in the same order are the same list."""
    texts = [vars(one) for one in listed]
    key = identity.candidates_id(texts)
    found = session.get(CandidateList, key)
    if found is None:
        found = CandidateList(id=key, label=label, texts=texts)
        session.add(found)
    elif label is not None and found.label is None:
        found.label = label
    return found


def read(session: Session, key: str) -> list[Listed]:
    """The candidates of a stored list."""
    found = session.get(CandidateList, key)
    if found is None:
        raise NotFound(f"There is no list of candidates {key!r}.", "Look at the query for its list.")
    return [Listed(**one) for one in found.texts]


def texts(session: Session, key: str) -> CandidateTexts:
    """A list with its texts in their order."""
    listed, told = read(session, key), view(session, key)
    assert told is not None
    rows = [Candidate(id=one.id, text=one.text) for one in listed]
    return CandidateTexts(**told.model_dump(), rows=rows)


def view(session: Session, key: str | None) -> CandidateListView | None:
    """What a query's page tells of its list; None for a query about a corpus."""
    found = None if key is None else session.get(CandidateList, key)
    if found is None:
        return None
    return CandidateListView(id=found.id, label=found.label, texts=len(found.texts))


def obstacle(model: Model, listed: Many[Listed]) -> Problem | None:
    """Why a model that has been read cannot score these, or None: a candidate is one sequence and never cut.

    Needs the row's `tokenizer_json`.
    """
    for place, one in enumerate(listed, start=1):
        tokens = len(tokenizing.read(model.tokenizer_json or "", one.text, model.begins_with).ids)
        who = f"Candidate {place} ({one.id!r})"
        if tokens < LEAST_TOKENS:
            return Problem(
                problem=f"{who} has {tokens} token under the tokenizer of {model.name!r}, so it predicts nothing.",
                remedy="Make it longer, or leave it out.",
            )
        most = model.context_length
        if most is not None and tokens > most:
            return Problem(
                problem=f"{who} has {tokens:,} tokens under {model.name!r}, whose context holds {most:,}.",
                remedy=f"Shorten it by {tokens - most:,} tokens, or make several candidates of it.",
            )
    return None
