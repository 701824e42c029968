"""Putting the demo on the list: its corpus, its models, and its curated queries. Doing it again changes nothing."""

from sqlalchemy.orm import Session

from app.demo import bundle
from app.jobs.client import Jobs
from app.models import Model
from app.services import queries, registry
from app.services.shapes import QueryForm

CORPUS = "demo"
KEEP = 50


def prepare(session: Session, jobs: Jobs) -> dict[str, str]:
    """Register everything, smallest model first; returns the id of each curated query by its name.

    Nothing is read or fitted here: workers do that, in the order in which it is asked for.
    """
    registry.announce_corpus(session, CORPUS, bundle.corpus_path())
    asked: dict[str, str] = {}
    for model in bundle.models():
        _follow(session, model)
        registry.add_model(session, jobs, model.name, str(model.path), corpus=CORPUS, fact_recall=model.fact_recall)
        for one in bundle.gallery():
            asked[one.name] = _ask(session, jobs, one, model.name)
    return asked


def _ask(session: Session, jobs: Jobs, query: bundle.DemoQuery, model: str) -> str:
    form = QueryForm(prompt=query.prompt, completion=query.completion, models=[model], corpus=CORPUS, keep=KEEP)
    return queries.submit(session, jobs, form, title=query.title, note=query.note, kind=query.kind, curated=True).id


def _follow(session: Session, model: bundle.DemoModel) -> None:
    """The bundle moves when the package is installed elsewhere; the same models are then found there."""
    row = session.get(Model, model.name)
    if row is not None and row.corpus == CORPUS and row.source != str(model.path.resolve()):
        row.source = str(model.path.resolve())
        session.commit()
