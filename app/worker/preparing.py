"""Getting a model ready: read it, cut the corpus into its sequences, fit its factors. Each only if nobody has."""

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker, undefer

from app.columns import now
from app.database import writing
from app.models import Corpus, FactorSet, Model, TokenizedCorpus, Worker
from app.services.identity import digest
from app.services.run_settings import RunSettings
from app.settings import Settings
from app.worker import translate
from app.worker.documents import ensure_documents
from app.worker.loaded import Loaded
from app.worker.progress import ModelReport, Report, both
from app.worker.tokens import TokenSequences, ensure_tokenized
from engine import Factors, FactorsError, LanguageModel, ModelError, Progress, fit_factors

WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Ready:
    """A model, its sequences and its factors, with the rows that say where they come from."""

    model: LanguageModel
    sequences: TokenSequences
    factors: Factors
    row: Model
    corpus: Corpus
    cut: TokenizedCorpus
    fitted: FactorSet


@dataclass(frozen=True)
class Preparation:
    """One worker's way of getting models ready. Several workers never fit the same factors at a time."""

    settings: Settings
    sessions: sessionmaker[Session]
    loaded: Loaded
    worker: str

    @property
    def home(self) -> Path:
        """The data folder."""
        return self.settings.home.resolve()

    def read(self, name: str, chosen: RunSettings) -> tuple[Model, LanguageModel]:
        """Load a model, and put what it tells about itself on its row."""
        with self.sessions() as session:
            row = _whole(session, name)
        model = self.loaded.model(row.source, row.revision, chosen.track)
        if model.tokenizer is None:
            raise ModelError(
                f"The model {name!r} ({row.source}) has no fast tokenizer.",
                "Put tokenizer.json beside the weights: a corpus of text cannot be read without it.",
            )
        if row.fingerprint == model.fingerprint and row.tokenizer_json is not None:
            return row, model
        with writing(self.sessions) as session:
            row = _whole(session, name)
            _describe(row, model)
        return row, model

    def settle(self, name: str, state: str, problem: str | None = None, remedy: str | None = None) -> None:
        """Say on the model's row how its preparation stands."""
        with writing(self.sessions) as session:
            row = session.get_one(Model, name)
            row.state, row.problem, row.remedy = state, problem, remedy
            if state != "preparing":
                row.stage, row.preparer = "finished", None

    def ready(self, name: str, corpus: str, chosen: RunSettings, report: Report) -> Ready:
        """The model with sequences and factors for a corpus, made now where they are missing.

        Raises EngineError; an exception from `report` ends it with nothing half-written.
        """
        report(Progress("loading", 0, 1))
        row, model = self.read(name, chosen)
        report(Progress("loading", 1, 1))
        ensure_documents(self.sessions, self.home, corpus)
        cut = ensure_tokenized(
            self.sessions,
            self.home,
            corpus,
            row.tokenizer_json or "",
            model.tokenizer_fingerprint or "",
            row.begins_with,
            min(model.context_length or self.settings.sequence_tokens, self.settings.sequence_tokens),
        )
        sequences = TokenSequences.read(self.home / cut.path)
        fitted = self._fitted(row, model, cut, sequences, chosen, report)
        with self.sessions() as session:
            documents = session.get_one(Corpus, corpus)
        try:
            factors = self.loaded.factors(self.home / fitted.path)
            factors.check(model)
        except FactorsError as error:
            raise FactorsError(error.problem, f"Fit them again: `influence model refit {name}`.") from error
        return Ready(model, sequences, factors, row, documents, cut, fitted)

    def _fitted(
        self,
        row: Model,
        model: LanguageModel,
        cut: TokenizedCorpus,
        sequences: TokenSequences,
        chosen: RunSettings,
        report: Report,
    ) -> FactorSet:
        while True:
            found = self._find_factors(model, cut, chosen)
            if found is not None:
                return found
            if self._lease(row.name):
                break
            # Another worker fits them; asking again costs less than fitting twice.
            report(Progress("covariances", 0, len(sequences)))
            time.sleep(WAIT_SECONDS)
        try:
            return self._fit(row, model, cut, sequences, chosen, report)
        finally:
            self._release(row.name)

    def _fit(
        self,
        row: Model,
        model: LanguageModel,
        cut: TokenizedCorpus,
        sequences: TokenSequences,
        chosen: RunSettings,
        report: Report,
    ) -> FactorSet:
        config = translate.factor_config(chosen, self.settings)
        clock = _Stages(both(report, ModelReport(self.sessions, row.name)))
        factors = fit_factors(model, sequences, config, clock)
        key = _config_digest(chosen)
        folder = self.home / "factors" / row.name / f"{model.fingerprint[:12]}-{cut.id}-{key}"
        factors.save(folder)
        fitted = FactorSet(
            model=row.name,
            model_fingerprint=model.fingerprint,
            tokenized=cut.id,
            config=chosen.model_dump(),
            config_digest=key,
            path=str(folder.relative_to(self.home)),
            fingerprint=factors.fingerprint,
            seconds=clock.finished(),
        )
        with writing(self.sessions) as session:
            session.add(fitted)
        return fitted

    def _find_factors(self, model: LanguageModel, cut: TokenizedCorpus, chosen: RunSettings) -> FactorSet | None:
        with self.sessions() as session:
            return session.scalar(
                select(FactorSet).where(
                    FactorSet.model_fingerprint == model.fingerprint,
                    FactorSet.tokenized == cut.id,
                    FactorSet.config_digest == _config_digest(chosen),
                )
            )

    def _lease(self, name: str) -> bool:
        """Become the one who fits this model's factors, unless a living worker is at it."""
        with writing(self.sessions) as session:
            row = session.scalars(select(Model).where(Model.name == name).with_for_update()).one()
            if row.preparer not in (None, self.worker) and _alive(session, row.preparer, self.settings):
                return False
            row.preparer = self.worker
            return True

    def _release(self, name: str) -> None:
        with writing(self.sessions) as session:
            row = session.get_one(Model, name)
            if row.preparer == self.worker:
                row.preparer = None


def _whole(session: Session, name: str) -> Model:
    return session.get_one(Model, name, options=[undefer(Model.tokenizer_json)])


def _alive(session: Session, worker: str | None, settings: Settings) -> bool:
    seen = session.scalar(select(Worker.seen_at).where(Worker.name == worker, Worker.stopped_at.is_(None)))
    return seen is not None and seen > now() - timedelta(seconds=settings.heartbeat_lost_after)


def _config_digest(chosen: RunSettings) -> str:
    # Damping enters when queries are prepared, so factors serve every damping.
    return digest(chosen.track, chosen.labels, chosen.seed).hex()[:12]


def _describe(row: Model, model: LanguageModel) -> None:
    tokenizer = model.tokenizer
    row.parameters, row.non_embedding_parameters = model.parameters, model.non_embedding_parameters
    row.layers, row.tracked, row.untracked = list(model.layers), list(model.tracked), list(model.untracked)
    row.context_length, row.fingerprint = model.context_length, model.fingerprint
    row.tokenizer_fingerprint = model.tokenizer_fingerprint
    row.tokenizer_json = None if tokenizer is None else tokenizer.backend_tokenizer.to_str()
    row.begins_with = model.bos_token_id
    row.begins_with_text = None if tokenizer is None else tokenizer.bos_token


class _Stages:
    """Passes reports on and keeps how long each stage took."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seconds: dict[str, float] = {}
        self._stage, self._since = "", time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.stage != self._stage:
            self._close(progress.stage)
        self._report(progress)

    def _close(self, following: str) -> None:
        moment = time.monotonic()
        if self._stage:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + moment - self._since
        self._stage, self._since = following, moment

    def finished(self) -> dict[str, float]:
        """Seconds by stage."""
        self._close("")
        return {stage: round(seconds, 3) for stage, seconds in self._seconds.items()}
