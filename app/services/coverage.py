"""What a scope would have missed: its candidates against the run that scored everything."""

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app.jobs.client import Jobs
from app.models import Influence, Query, Run
from app.services import queries, question
from app.services.errors import InvalidInput, NotFound
from app.services.run_settings import RunSettings
from app.services.shapes import Coverage, Covered, Sign, Submitted

DEPTHS = (10, 50)


def coverage(session: Session, run: Run, query: Query) -> Coverage | None:
    """How much of the heaviest sequences of all a run's candidates hold, each sign; None where nobody knows.

    The run to compare with measures the same, of the same corpus, model and settings; once both are done it was also
    made by the same weights, sequences and factors.
    """
    if query.scope in ("everything", "candidates"):
        return None
    whole = _whole(session, run, query)
    if whole is None:
        return None
    covered = _covered(session, run, whole) if run.state == whole.state == "done" else []
    return Coverage.model_validate({"query": whole.query_id, "run": whole.id, "state": whole.state, "covered": covered})


def ask_for_everything(session: Session, jobs: Jobs, query_id: str, run_id: str) -> Submitted:
    """Ask a run's question once more with every sequence scored."""
    query, run = session.get(Query, query_id), session.get(Run, run_id)
    if query is None or run is None or run.query_id != query_id:
        raise NotFound(f"The query {query_id!r} has no run {run_id!r}.", "Look at the query for its runs.")
    if query.scope == "everything":
        raise InvalidInput(f"The query {query_id!r} scores everything already.", "Look at its lists.", "scope")
    choices = RunSettings.model_validate(run.settings).choices
    form = question.form_of(query, models=[run.model], scope="everything", settings=choices)
    return queries.submit(session, jobs, form)


def _whole(session: Session, run: Run, query: Query) -> Run | None:
    """The run that scored everything: a done one before one on its way, and the one that keeps most."""
    found = session.execute(
        select(Run, Query)
        .join(Query, Query.id == Run.query_id)
        .where(
            Query.scope == "everything",
            Query.prompt == query.prompt,
            Query.corpus == query.corpus,
            Run.model == run.model,
            Run.state.in_(("done", "running", "queued")),
        )
    )
    alike = [
        (other, asked.keep)
        for other, asked in found
        if question.alike(asked, query) and other.settings == run.settings and _same_make(other, run)
    ]
    best = max(alike, key=lambda pair: (pair[0].state == "done", pair[1]), default=None)
    return None if best is None else best[0]


def _same_make(whole: Run, run: Run) -> bool:
    if whole.state != "done" or run.state != "done":
        return True
    names = ("model_fingerprint", "corpus_fingerprint", "factors_fingerprint")
    return all(getattr(whole, name) == getattr(run, name) for name in names)


def _covered(session: Session, run: Run, whole: Run) -> list[Covered]:
    loaded = session.get_one(Run, run.id, options=[undefer(Run.candidates)])
    candidates = set() if loaded.candidates is None else set(loaded.candidates.tolist())
    return [
        one for sign in ("positive", "negative") for one in _of_sign(_heaviest(session, whole, sign), candidates, sign)
    ]


def _heaviest(session: Session, whole: Run, sign: str) -> list[int]:
    chosen = select(Influence.sequence_id).where(Influence.run_id == whole.id, Influence.sign == sign)
    return list(session.scalars(chosen.order_by(Influence.rank)))


def _of_sign(heaviest: list[int], candidates: set[int], sign: Sign) -> list[Covered]:
    """At each depth and over the whole list; depths that the list does not reach are left out."""
    depths = [depth for depth in DEPTHS if depth < len(heaviest)]
    found = []
    for first in [*depths, *([len(heaviest)] if heaviest else [])]:
        kept = sum(one in candidates for one in heaviest[:first])
        found.append(Covered(sign=sign, first=first, kept=kept, share=kept / first))
    return found
