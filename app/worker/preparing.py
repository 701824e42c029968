"""Getting a model ready: read it, cut the corpus into its sequences, fit its factors. Each only if nobody has."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker, undefer

from app.database import writing
from app.models import Corpus, FactorSet, Model
from app.services.chat import self_contained
from app.services.identity import digest
from app.services.run_settings import RunSettings
from app.settings import Settings
from app.worker import translate
from app.worker.announcing import announce_fit
from app.worker.cutting import Reader
from app.worker.documents import ensure_documents
from app.worker.leases import Leases
from app.worker.loaded import Loaded
from app.worker.progress import ModelReport, Report, Stages, both
from app.worker.sample import fitting_sample
from app.worker.tokens import Cut, TokenSequences, ensure_tokenized
from app.worker.wording import Wording
from engine import FactorConfig, Factors, FactorsError, LanguageModel, LexicalIndex, ModelError, Progress, fit_factors


@dataclass(frozen=True)
class Ready:
    """A model, its sequences and its factors, with the rows that say where they come from."""

    model: LanguageModel
    sequences: TokenSequences
    factors: Factors
    row: Model
    corpus: Corpus
    cut: Cut
    fitted: FactorSet


@dataclass(frozen=True)
class Groundwork:
    """A model that was read and a corpus cut into its sequences: what fitting stands on, and whom to tell."""

    row: Model
    model: LanguageModel
    cut: Cut
    sequences: TokenSequences
    chosen: RunSettings
    report: Report


@dataclass(frozen=True)
class Preparation:
    """One worker's way of getting models ready. Several workers never make the same thing at a time."""

    settings: Settings
    sessions: sessionmaker[Session]
    loaded: Loaded
    worker: str

    @property
    def home(self) -> Path:
        """The data folder."""
        return self.settings.home.resolve()

    @property
    def leases(self) -> Leases:
        """This worker's leases."""
        return Leases(self.settings, self.sessions, self.worker)

    @property
    def wording(self) -> Wording:
        """The lexical index and the duplicates of tokenised corpora."""
        return Wording(self.home, self.leases, self.loaded)

    def read(self, name: str, chosen: RunSettings) -> tuple[Model, LanguageModel]:
        """Load a model, and put what it tells about itself on its row."""
        with self.sessions() as session:
            row = _whole(session, name)
        model = self.loaded.model(row, chosen.track)
        if model.tokenizer is None:
            raise ModelError(
                f"The model {name!r} ({row.source}) has no fast tokenizer.",
                "Put tokenizer.json beside the weights: a corpus of text cannot be read without it.",
            )
        known = row.fingerprint == model.fingerprint and row.tokenizer_json is not None
        if known and row.chat_template == _chat_template(model):
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
                row.stage = "finished"

    def ready(self, name: str, corpus: str, chosen: RunSettings, report: Report, sequences: int | None = None) -> Ready:
        """The model with sequences and factors for a corpus, made now where they are missing.

        With `sequences` the corpus is taken as it stood when it had so many, though it has grown since.

        Raises EngineError; an exception from `report` ends it with nothing half-written.
        """
        ground = self.groundwork(name, corpus, chosen, report, sequences)
        fitted = self._fitted(ground)
        with self.sessions() as session:
            documents = session.get_one(Corpus, corpus)
        try:
            factors = self.loaded.factors(self.home / fitted.path)
            factors.check(ground.model)
        except FactorsError as error:
            raise FactorsError(error.problem, f"Fit them again: `influence model refit {name}`.") from error
        return Ready(ground.model, ground.sequences, factors, ground.row, documents, ground.cut, fitted)

    def worded(self, ready: Ready, report: Report) -> tuple[LexicalIndex, NDArray[np.int64]]:
        """The lexical index and the groups of duplicates of its sequences, made now where they are missing."""
        words = self.wording.index(ready.cut, ready.sequences, report)
        return words, self.wording.groups(ready.cut, ready.sequences, report)

    def groundwork(
        self, name: str, corpus: str, chosen: RunSettings, report: Report, sequences: int | None = None
    ) -> Groundwork:
        """The model, read, and the corpus, cut into its sequences: all that stands before fitting."""
        report(Progress("loading", 0, 1))
        row, model = self.read(name, chosen)
        report(Progress("loading", 1, 1))
        ensure_documents(self.sessions, self.home, corpus)
        reader = _reader(row, model, self.settings.sequence_tokens)
        cut = ensure_tokenized(self.sessions, self.home, corpus, reader, report, sequences)
        return Groundwork(row, model, cut, cut.opened(self.home), chosen, report)

    def _fitted(self, ground: Groundwork) -> FactorSet:
        return self.leases.once(
            Model,
            ground.row.name,
            find=lambda: self._find_factors(ground),
            make=lambda: self._fit(ground),
            wait=lambda: ground.report(Progress("covariances", 0, len(ground.sequences))),
        )

    def _fit(self, ground: Groundwork) -> FactorSet:
        row, model, cut, chosen = ground.row, ground.model, ground.cut, ground.chosen
        config = translate.factor_config(chosen, self.settings)
        sample = fitting_sample(ground.sequences, self.settings.fit_sequences)
        announce_fit(row.name, model, sample, config)
        clock = Stages(both(ground.report, ModelReport(self.sessions, row.name)))
        key = _config_digest(chosen)
        folder = self.home / "factors" / row.name / f"{model.fingerprint[:12]}-{cut.id}-{key}"
        factors = _fitted_from(folder.with_name(f"{folder.name}.checkpoint"), model, sample, config, clock)
        factors.save(folder)
        fitted = FactorSet(
            model=row.name,
            model_fingerprint=model.fingerprint,
            tokenized=cut.id,
            config=chosen.model_dump(),
            config_digest=key,
            path=str(folder.relative_to(self.home)),
            fingerprint=factors.fingerprint,
            sequences=len(sample),
            seconds=clock.finished(),
        )
        with writing(self.sessions) as session:
            session.add(fitted)
        return fitted

    def _find_factors(self, ground: Groundwork) -> FactorSet | None:
        with self.sessions() as session:
            return session.scalar(
                select(FactorSet).where(
                    FactorSet.model_fingerprint == ground.model.fingerprint,
                    FactorSet.tokenized == ground.cut.id,
                    FactorSet.config_digest == _config_digest(ground.chosen),
                )
            )


def _fitted_from(
    checkpoint: Path, model: LanguageModel, sample: TokenSequences, config: FactorConfig, report: Report
) -> Factors:
    """The factors, from where an interrupted fit stood; from the beginning where that was other work, or is damaged."""
    try:
        return fit_factors(model, sample, config, report, checkpoint)
    except FactorsError:
        shutil.rmtree(checkpoint, ignore_errors=True)
        return fit_factors(model, sample, config, report, checkpoint)


def _whole(session: Session, name: str) -> Model:
    read = [undefer(Model.tokenizer_json), undefer(Model.chat_template)]
    return session.get_one(Model, name, options=read)


def _reader(row: Model, model: LanguageModel, most: int) -> Reader:
    """How the model reads a corpus. Packed documents are told apart by the token that ends a text, or begins one."""
    ending = None if model.tokenizer is None else model.tokenizer.eos_token_id
    return Reader(
        definition=row.tokenizer_json or "",
        fingerprint=model.tokenizer_fingerprint or "",
        begins_with=row.begins_with,
        separator=row.begins_with if ending is None else ending,
        length=min(model.context_length or most, most),
    )


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
    row.chat_template = _chat_template(model)


def _chat_template(model: LanguageModel) -> str | None:
    """The tokenizer's chat template, with the special tokens it speaks of."""
    tokenizer = model.tokenizer
    return None if tokenizer is None else self_contained(tokenizer.chat_template, tokenizer.special_tokens_map)
