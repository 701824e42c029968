"""What there is to ask: models, corpora, and the workers that answer."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.columns import now
from app.models import Corpus, FactorSet, Model, Run, TokenizedCorpus, Worker
from app.services import corpora as corpus_rows
from app.services import indexes, views, weights
from app.services.errors import NotFound
from app.services.run_settings import RunSettings
from app.services.shapes import CorpusView, IndexView, ModelView, Status, WorkerView
from app.settings import get_settings

_MODEL_FIELDS = (
    "name",
    "source",
    "revision",
    "gguf_file",
    "adapter",
    "adapter_weights",
    "corpus",
    "training_tokens",
    "state",
    "stage",
    "done",
    "total",
    "parameters",
    "non_embedding_parameters",
    "layers",
    "tracked",
    "untracked",
    "context_length",
    "fact_recall",
    "fingerprint",
    "tokenizer_fingerprint",
)
_CORPUS_FIELDS = ("name", "source", "state", "documents", "kinds", "fingerprint")
_WORKER_FIELDS = ("name", "device", "busy", "seen_at")


def models(session: Session) -> list[ModelView]:
    """All models, in the order they were added."""
    known, chatting = indexes.by_model(session), _with_template(session)
    rows = session.scalars(select(Model).order_by(Model.created_at, Model.name))
    return [_model_view(model, known.get(model.name, []), chatting) for model in rows]


def model(session: Session, name: str) -> ModelView:
    """One model, or NotFound."""
    found = session.get(Model, name)
    if found is None:
        raise NotFound(f"There is no model named {name!r}.", "`influence model list` shows those there are.")
    return _model_view(found, indexes.by_model(session).get(name, []), _with_template(session))


def _with_template(session: Session) -> set[str]:
    """The models that have a chat template, without reading the templates."""
    return set(session.scalars(select(Model.name).where(Model.chat_template.is_not(None))))


def _model_view(model: Model, known: list[IndexView], chatting: set[str]) -> ModelView:
    fields = {name: getattr(model, name) for name in _MODEL_FIELDS}
    more = {
        "error": views.problem(model.problem, model.remedy),
        "weights": weights.over(model, RunSettings().track),
        "chat_template": model.name in chatting,
        "indexes": known,
    }
    return ModelView.model_validate({**fields, **more})


def fitting_seconds(session: Session) -> dict[str, dict[str, float]]:
    """How long each stage of fitting took, by model; the newest fit of each."""
    fitted = session.scalars(select(FactorSet).order_by(FactorSet.id))
    return {one.model: dict(one.seconds) for one in fitted}


def corpora(session: Session) -> list[CorpusView]:
    """All corpora, in the order they were added. Sequences and tokens as the first tokenizer cut them."""
    return [
        _corpus_view(session, corpus)
        for corpus in session.scalars(select(Corpus).order_by(Corpus.created_at, Corpus.name))
    ]


def corpus(session: Session, name: str) -> CorpusView:
    """One corpus, or NotFound."""
    found = session.get(Corpus, name)
    if found is None:
        raise NotFound(f"There is no corpus named {name!r}.", "`influence corpus list` shows those there are.")
    return _corpus_view(session, found)


def _corpus_view(session: Session, corpus: Corpus) -> CorpusView:
    cut = session.scalar(
        select(TokenizedCorpus).where(TokenizedCorpus.corpus == corpus.name).order_by(TokenizedCorpus.id).limit(1)
    )
    fields = {name: getattr(corpus, name) for name in _CORPUS_FIELDS}
    return CorpusView.model_validate(
        {
            **fields,
            "error": views.problem(corpus.problem, corpus.remedy),
            "sequences": 0 if cut is None else cut.sequences,
            "tokens": 0 if cut is None else cut.tokens,
            "duplicates": None if cut is None else cut.duplicates,
            "reading": corpus_rows.reading(corpus),
            "skipped": corpus.skipped,
            "parts": corpus_rows.views(corpus),
        }
    )


def workers(session: Session) -> list[WorkerView]:
    """The worker processes that were ever seen, the newest heartbeat first."""
    lost = now() - timedelta(seconds=get_settings().heartbeat_lost_after)
    return [
        WorkerView.model_validate(
            {
                **{name: getattr(worker, name) for name in _WORKER_FIELDS},
                "alive": worker.stopped_at is None and worker.seen_at > lost,
            }
        )
        for worker in session.scalars(select(Worker).order_by(Worker.seen_at.desc()))
    ]


def status(session: Session) -> Status:
    """Models, corpora, workers and the line of runs at a glance."""
    grouped = session.execute(select(Run.state, func.count()).group_by(Run.state))
    counted = {state: count for state, count in grouped}  # noqa: C416 - a Row is no pair to mypy
    return Status(
        workers=workers(session),
        models=models(session),
        corpora=corpora(session),
        queued=counted.get("queued", 0),
        running=counted.get("running", 0),
    )
