"""Edit and score again: a kept sequence beside changed versions of it, as candidates of a query of their own."""

from collections.abc import Sequence as Many

from sqlalchemy.orm import Session

from app.jobs.client import Jobs
from app.models import Query, Run
from app.services import candidates, queries, question, results
from app.services.candidates import Listed
from app.services.errors import InvalidInput, NotFound
from app.services.run_settings import RunSettings
from app.services.shapes import Candidate, Submitted

ORIGINAL = "original"
VERSION = "edit"


def edit_sequence(session: Session, jobs: Jobs, query_id: str, run_id: str, sequence_id: int, text: str) -> Submitted:
    """Ask the run's question of a kept sequence and of `text`, an edited version of it.

    A candidate is edited within its list, which then holds the version too.
    Raises: NotFound, Conflict, InvalidInput.
    """
    query, run = _asked(session, query_id, run_id)
    kept = results.influence(session, run_id, sequence_id)
    if query.candidates is not None:
        return _add(session, jobs, query, run, text)
    return _ask(session, jobs, query, run, [Listed(ORIGINAL, kept.text)], text, f"versions of {kept.document}")


def add_version(session: Session, jobs: Jobs, query_id: str, run_id: str, text: str) -> Submitted:
    """Ask the run's question of its candidates and of `text`, which is put behind them.

    Raises: NotFound, Conflict, InvalidInput.
    """
    query, run = _asked(session, query_id, run_id)
    if query.candidates is None:
        raise InvalidInput(
            f"The query {query_id!r} scores a corpus, to which no version can be added.",
            "Edit a sequence on its page.",
            "text",
        )
    return _add(session, jobs, query, run, text)


def _asked(session: Session, query_id: str, run_id: str) -> tuple[Query, Run]:
    query, run = session.get(Query, query_id), session.get(Run, run_id)
    if query is None or run is None or run.query_id != query_id:
        raise NotFound(f"The query {query_id!r} has no run {run_id!r}.", "Look at the query for its runs.")
    return query, run


def _add(session: Session, jobs: Jobs, query: Query, run: Run, text: str) -> Submitted:
    listed = candidates.read(session, query.candidates or "")
    label = candidates.view(session, query.candidates)
    return _ask(session, jobs, query, run, listed, text, None if label is None else label.label)


def _ask(
    session: Session, jobs: Jobs, query: Query, run: Run, listed: Many[Listed], text: str, label: str | None
) -> Submitted:
    for place, one in enumerate(listed, start=1):
        if one.text == text:
            raise InvalidInput(
                f"This text is there already: it is candidate {place} ({one.id!r}).", "Change it.", "text"
            )
    if not text.strip():
        raise InvalidInput("The new version is blank.", "Write a text, or leave it as it was.", "text")
    grown = [Candidate(id=one.id, text=one.text) for one in listed]
    grown.append(Candidate(id=_name({one.id for one in listed}), text=text))
    choices = RunSettings.model_validate(run.settings).choices
    form = question.form_of(query, models=[run.model], scope="candidates", candidates=grown, keep=1, settings=choices)
    return queries.submit(session, jobs, form, label=label)


def _name(taken: set[str]) -> str:
    """The first of "edit 1", "edit 2", ... that no version has."""
    number = 1
    while f"{VERSION} {number}" in taken:
        number += 1
    return f"{VERSION} {number}"
