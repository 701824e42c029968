"""Storing what is asked: a query under its own id, a run for each model, and the job that answers it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session, selectinload

from app.jobs.client import Jobs, JobsUnavailable
from app.models import CandidateList, Query, Run
from app.services import asking, candidates, identity, question
from app.services.candidates import Listed
from app.services.run_settings import RunSettings
from app.services.shapes import QueryForm, Submitted

# Queries that were read or made before, by their ids.
Known = dict[str, Query]


@dataclass(frozen=True)
class Asked:
    """A query that a form asks, and the runs that it added."""

    query: Query
    existing: bool
    added: list[Run]
    form: QueryForm

    def told(self) -> Submitted:
        """What the person who asked is told."""
        query, url, settings = self.query, f"/queries/{self.query.id}", RunSettings.of(self.form.settings)
        runs = [identity.run_id(query.id, model, settings) for model in dict.fromkeys(self.form.models)]
        if self.form.settings.label:
            # The page shows the run with the usual settings, where there is one, unless another is named.
            url += f"?run={runs[-1]}"
        return Submitted(id=query.id, url=url, existing=self.existing and not self.added, runs=runs)


@dataclass(frozen=True)
class PutUp:
    """What a query is shown with, beyond what it asks."""

    title: str | None = None
    note: str | None = None
    kind: str | None = None
    curated: bool = False


def store(
    session: Session,
    form: QueryForm,
    listed: list[Listed] | None,
    put_up: PutUp,
    *,
    label: str | None = None,
    known: Known | None = None,
) -> list[Asked]:
    """Put the queries and runs of a checked form into a transaction that has begun; nothing is enqueued.

    known: where the caller has read all queries that the form may mean already; those made are put there.
    """
    candidates_list = None if listed is None else candidates.keep(session, listed, label or form.candidates_label)
    return [_asked(session, one, candidates_list, put_up, known) for one in asking.singles(form)]


def _asked(
    session: Session, form: QueryForm, listed: CandidateList | None, put_up: PutUp, known: Known | None
) -> Asked:
    # Of candidates every one is kept, so that all are shown.
    keep = form.keep if listed is None else len(listed.texts)
    more = {"candidates": None if listed is None else listed.id, **question.extras(form)}
    key = key_of(form, more["candidates"], keep)
    read = [selectinload(Query.runs)]
    found = session.get(Query, key, options=read) if known is None else known.get(key)
    query = found or Query(
        id=key,
        prompt=form.prompt,
        completion=asking.written_before(session, form),
        corpus=form.corpus,
        scope=form.scope,
        keep=keep,
        runs=[],
        **more,
    )
    _show(query, put_up)
    session.add(query)
    if known is not None:
        known[key] = query
    return Asked(query, found is not None, _add_runs(query, form), form)


def key_of(form: QueryForm, candidates_list: str | None, keep: int) -> str:
    """The id of the query that a form asks, whether it is stored or not. Raises: InvalidInput for what counts."""
    more = {"candidates": candidates_list, **question.extras(form)}
    return identity.query_id(form.prompt, form.completion, form.corpus, form.scope, keep, **more)


def _show(query: Query, put_up: PutUp) -> None:
    for name in ("title", "note", "kind"):
        setattr(query, name, getattr(put_up, name) or getattr(query, name))
    query.curated = put_up.curated or bool(query.curated)


def _add_runs(query: Query, form: QueryForm) -> list[Run]:
    settings = RunSettings.of(form.settings)
    have = {run.id for run in query.runs}
    wanted = {identity.run_id(query.id, model, settings): model for model in form.models}
    added = [
        Run(id=key, model=model, settings=settings.stored, state="queued", stage="waiting", attempt=1)
        for key, model in wanted.items()
        if key not in have
    ]
    query.runs.extend(added)
    return added


def enqueue(jobs: Jobs, run: Run, *, urgent: bool) -> None:
    """Let a worker answer a stored run."""
    try:
        jobs.enqueue_run(run.id, run.attempt, urgent=urgent)
    except JobsUnavailable:
        # The row is stored; a worker's sweep finds it. Losing the submission would be worse than a delay.
        return
