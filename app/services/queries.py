"""Asking: submit a query, look at it, cancel it, try a failed run again."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload, undefer

from app.columns import now
from app.database import begin_write
from app.jobs.client import Jobs, JobsUnavailable
from app.models import Corpus, Model, Query, Run
from app.services import asking, candidates, freshness, storing, views
from app.services.candidates import Listed
from app.services.errors import Conflict, InvalidInput, NotFound
from app.services.preview import preview
from app.services.shapes import QueryForm, QuerySummary, QueryView, Submitted
from app.services.storing import PutUp

__all__ = [
    "again",
    "cancel",
    "check",
    "get",
    "preview",
    "recent",
    "retry",
    "siblings",
    "stop",
    "submit",
    "version",
]

MOST_MODELS = 8
# Other completions of a prompt that its page names.
MOST = 50


def submit(
    session: Session,
    jobs: Jobs,
    form: QueryForm,
    *,
    title: str | None = None,
    note: str | None = None,
    kind: str | None = None,
    curated: bool = False,
    label: str | None = None,
) -> Submitted:
    """Store a query and let workers answer it. `label` says where its candidates come from.

    The same question is found, not asked again; a form that only adds a model adds a run to the same query.
    Raises InvalidInput with the form's field at fault.
    """
    listed = check(session, form)
    begin_write(session)
    asked = storing.store(session, form, listed, PutUp(title, note, kind, curated), label=label)
    session.commit()
    for each in asked:
        for run in each.added:
            storing.enqueue(jobs, run, urgent=not curated)
    first, *others = [each.told() for each in asked]
    return first.model_copy(update={"also": others})


def check(session: Session, form: QueryForm) -> list[Listed] | None:
    """The candidates that it names, if any. Raises: InvalidInput, with the form's field at fault."""
    asking.check(session, form)
    _check_corpus(session, form.corpus)
    _check_models(session, form)
    return _check_candidates(session, form)


def _check_candidates(session: Session, form: QueryForm) -> list[Listed] | None:
    if form.scope != "candidates" and form.candidates is None:
        return None
    if form.scope != "candidates":
        raise InvalidInput(
            f"Candidates are given, and the scope is {form.scope!r}, which does not score them.",
            'Give the scope "candidates", or leave them out.',
            "candidates",
        )
    listed = candidates.checked(form.candidates or [])
    for name in dict.fromkeys(form.models):
        model = session.get_one(Model, name, options=[undefer(Model.tokenizer_json)])
        found = None if model.tokenizer_json is None else candidates.obstacle(model, listed)
        if found is not None:
            raise InvalidInput(found.problem, found.remedy, "candidates")
    return listed


def _check_corpus(session: Session, name: str) -> None:
    corpus = session.get(Corpus, name)
    if corpus is None:
        known = ", ".join(session.scalars(select(Corpus.name).order_by(Corpus.name))) or "none yet"
        raise InvalidInput(
            f"There is no corpus named {name!r}.",
            f"Choose one of: {known}. `influence corpus add NAME SOURCE` adds one.",
            "corpus",
        )
    if corpus.state == "failed":
        raise InvalidInput(f"The corpus {name!r} cannot be used: {corpus.problem}", corpus.remedy or "", "corpus")
    if corpus.state == "ready" and corpus.documents == 0:
        raise InvalidInput(
            f"The corpus {name!r} has no sequence.", "Add documents with text under another name.", "corpus"
        )


def _check_models(session: Session, form: QueryForm) -> None:
    if not form.models:
        raise InvalidInput("No model is chosen.", "Choose at least one model.", "models")
    if len(set(form.models)) > MOST_MODELS:
        raise InvalidInput(
            f"{len(set(form.models))} models are chosen; {MOST_MODELS} is the most.",
            "Leave some out.",
            "models",
        )
    asking.check_models(session, form)


def _query(session: Session, query_id: str) -> Query:
    query = session.get(Query, query_id, options=[selectinload(Query.runs)], populate_existing=True)
    if query is None:
        raise NotFound(f"There is no query {query_id!r}.", "Check the address, or ask it again from /queries/new.")
    return query


def get(session: Session, query_id: str) -> QueryView:
    """A query with the state of all its runs."""
    return views.query_view(session, _query(session, query_id))


def recent(session: Session, *, curated: bool | None = None, offset: int = 0, limit: int = 50) -> list[QuerySummary]:
    """Queries, newest first; the curated ones in the order they were put up."""
    order = (Query.created_at, Query.id) if curated else (Query.created_at.desc(), Query.id)
    chosen = select(Query).options(selectinload(Query.runs)).order_by(*order).offset(offset).limit(limit)
    if curated is not None:
        chosen = chosen.where(Query.curated == curated)
    return views.query_summaries(session, list(session.scalars(chosen)))


def siblings(session: Session, query_id: str) -> list[QueryView]:
    """The queries that ask about other completions of the same prompt alike, the oldest first."""
    query = _query(session, query_id)
    same = (Query.prompt == query.prompt, Query.corpus == query.corpus, Query.scope == query.scope)
    chosen = select(Query).where(*same, Query.keep == query.keep, Query.id != query.id)
    found = session.scalars(chosen.options(selectinload(Query.runs)).order_by(Query.created_at, Query.id).limit(MOST))
    wanted = (query.chat, query.against, query.candidates, None)
    alike = (one for one in found if (one.chat, one.against, one.candidates, one.counted) == wanted)
    return [views.query_view(session, one) for one in alike if one.completion != query.completion]


def version(session: Session, query_id: str) -> int:
    """A number that grows with every change of any of the query's runs."""
    total = session.scalar(select(func.sum(Run.version)).where(Run.query_id == query_id))
    if total is None:
        raise NotFound(f"There is no query {query_id!r}.", "Check the address.")
    return int(total)


def cancel(session: Session, jobs: Jobs, query_id: str, run_id: str | None = None) -> QueryView:
    """Cancel a run, or all runs of a query that are not finished. A worker notices within a second or so."""
    begin_write(session)
    runs = [run for run in _runs(session, query_id, run_id) if run.state in ("queued", "running")]
    waiting = [run for run in runs if run.state == "queued"]
    for run in runs:
        stop(run)
    session.commit()
    for run in waiting:
        try:
            jobs.cancel(run.id, run.attempt)
        except JobsUnavailable:
            # A cancelled run's job returns at once when it is reached, so the queue need not hear of it.
            break
    return get(session, query_id)


def stop(run: Run) -> None:
    """Put a run that has not ended into the state that a worker stops at."""
    run.state, run.stage, run.finished_at, run.seconds_left = "cancelled", "finished", now(), None
    run.partial, run.version = [], run.version + 1


def retry(session: Session, jobs: Jobs, query_id: str, run_id: str) -> QueryView:
    """Queue a failed or cancelled run once more, or a done one whose corpus or factors are not what they were."""
    begin_write(session)
    run = _runs(session, query_id, run_id)[0]
    if run.state not in ("failed", "cancelled") and not freshness.stale(session, run.query, run):
        raise Conflict(
            f"The run {run_id!r} is {run.state}; only a failed or cancelled one can be tried again, or one whose "
            "corpus has grown or whose factors were fitted anew.",
            "Wait for it, or cancel it first." if run.state != "done" else "Look at its lists.",
        )
    again(run)
    session.commit()
    storing.enqueue(jobs, run, urgent=True)
    return get(session, query_id)


def again(run: Run) -> None:
    """Put a run that has ended into the line once more, as another attempt."""
    run.state, run.stage, run.done, run.total = "queued", "waiting", 0, 0
    run.problem = run.remedy = run.started_at = run.finished_at = run.seconds_left = run.scan_id = None
    run.partial, run.queued_at = [], now()
    run.attempt, run.version = run.attempt + 1, run.version + 1


def _runs(session: Session, query_id: str, run_id: str | None) -> list[Run]:
    runs = [run for run in _query(session, query_id).runs if run_id in (None, run.id)]
    if not runs:
        raise NotFound(f"The query {query_id!r} has no run {run_id!r}.", "Look at the query for its runs.")
    return runs
