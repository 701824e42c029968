"""Checking a kept sequence: what erasing its tokens does to its score, and what really happens to log p."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.columns import now
from app.database import writing
from app.models import Check, Influence, Query, Run, Scan
from app.services.checks import verdict
from app.services.errors import Conflict
from app.services.run_settings import RunSettings
from app.services.shapes import CheckKind, CounterfactualResult, ErasureResult, Moved, OneStepResult, Shape
from app.worker import translate
from app.worker.check_sample import Sample, sampled
from app.worker.failing import told
from app.worker.listed import SOURCE
from app.worker.preparing import Preparation, Ready
from app.worker.progress import STAGES, Report, Throttle, shifted
from app.worker.stopping import Stopped
from engine import Measurement, Progress, RelativeDamping, Sequence, prepare
from engine.pipeline.counterfactual import Counterfactual, CounterfactualConfig, counterfactual, one_step
from engine.pipeline.erasure import erasure, zeroed_embeddings

BATCH_TOKENS = 8192
# A solve ends at `TOLERANCE`; above `SETTLED` what it measured may still change much (docs/decisions/0013).
ITERATIONS, TOLERANCE, SETTLED = 40, 0.2, 0.5
RELATIVE_STEP = 1e-4
ASK_AGAIN = "Ask the query again: its answer and its checks then rest on the same weights and factors."


@dataclass
class CheckReport:
    """The progress of a check, on its row. Raises Stopped when it is not wanted any more."""

    sessions: sessionmaker[Session]
    check: str
    attempt: int
    throttle: Throttle = field(default_factory=Throttle)

    def __call__(self, progress: Progress) -> None:
        if not self.throttle.passes(progress.stage, progress.done, progress.total):
            return
        mine = (Check.id == self.check) & (Check.attempt == self.attempt) & (Check.state == "running")
        stage = STAGES.get(progress.stage, progress.stage)
        with writing(self.sessions) as session:
            told = update(Check).where(mine).values(stage=stage, done=progress.done, total=progress.total)
            if session.execute(told).rowcount == 0:  # type: ignore[attr-defined]
                raise Stopped(f"The check {self.check} is not wanted any more.")


@dataclass(frozen=True)
class Subject:
    """A kept sequence with all that its checks are made of."""

    run: Run
    kept: Influence
    chosen: RunSettings
    ready: Ready
    asked: Measurement
    sequence: Sequence
    heaviest: tuple[int, ...]

    @property
    def listed(self) -> bool:
        """Whether it is a text that was given with the query, and no part of the corpus."""
        return self.kept.source == SOURCE and not self.kept.documents


@dataclass(frozen=True)
class Checking:
    """One worker's way of making checks."""

    preparation: Preparation

    @property
    def sessions(self) -> sessionmaker[Session]:
        """Sessions on the product's database."""
        return self.preparation.sessions

    def check(self, check_id: str, attempt: int) -> None:
        """Make a check and keep its result; what goes wrong ends on its row. Nothing happens to one that is over."""
        row = self._begin(check_id, attempt)
        if row is None:
            return
        began = time.monotonic()
        try:
            report = CheckReport(self.sessions, check_id, attempt)
            subject = self.subject(row.run_id, row.sequence_id, report)
            result = self._makers[row.kind](subject, report)
        except Stopped:
            return
        except Exception as error:
            problem, remedy = told(error)
            self._settle(row, state="failed", problem=problem, remedy=remedy)
            raise
        kept, device = result.model_dump(), str(subject.ready.model.device)
        self._settle(row, state="done", result=kept, device=device, seconds=round(time.monotonic() - began, 3))

    @property
    def _makers(self) -> Mapping[CheckKind | str, Callable[[Subject, Report], Shape]]:
        return {"erasure": self._erasure, "counterfactual": self._counterfactual, "one_step": self._one_step}

    def _begin(self, check_id: str, attempt: int) -> Check | None:
        """Take the check up, also one that a worker left in the middle."""
        with writing(self.sessions) as session:
            row = session.get(Check, check_id, with_for_update=True)
            if row is None or row.attempt != attempt or row.state not in ("queued", "running"):
                return None
            row.state, row.stage, row.started_at, row.worker = "running", "loading", now(), self.preparation.worker
            return row

    def _settle(self, seen: Check, **values: object) -> None:
        mine = (Check.id == seen.id) & (Check.attempt == seen.attempt) & (Check.state == "running")
        with writing(self.sessions) as session:
            session.execute(update(Check).where(mine).values(stage="finished", finished_at=now(), **values))

    def subject(self, run_id: str, sequence_id: int, report: Report) -> Subject:
        """The sequence with the model and the factors that its run was answered with.

        Raises: Conflict where they are not there any more; EngineError.
        """
        with self.sessions() as session:
            run = session.get_one(Run, run_id)
            query = session.get_one(Query, run.query_id)
            scan = None if run.scan_id is None else session.get(Scan, run.scan_id)
            mine = select(Influence).where(Influence.run_id == run_id)
            kept = session.scalars(mine.where(Influence.sequence_id == sequence_id).limit(1)).one()
            heaviest = session.scalars(mine.order_by(Influence.rank, Influence.sign.desc())).all()
        chosen = RunSettings.model_validate(run.settings)
        corpus_sequences = None if scan is None else scan.corpus_sequences
        ready = self.preparation.ready(run.model, query.corpus, chosen, report, corpus_sequences)
        _require_same(run, ready)
        return Subject(
            run=run,
            kept=kept,
            chosen=chosen,
            ready=ready,
            asked=translate.query(query, ready.row),
            sequence=Sequence(kept.token_ids.tolist()),
            heaviest=tuple(one.sequence_id for one in heaviest if one.documents or one.source != SOURCE),
        )

    @property
    def _batch_tokens(self) -> int:
        chosen = self.preparation.settings.batch_tokens
        return BATCH_TOKENS if chosen == "auto" else chosen

    def _erasure(self, subject: Subject, report: Report) -> ErasureResult:
        ready = subject.ready
        config = translate.score_config(subject.chosen, self.preparation.settings, keep=1)
        prepared = prepare(ready.model, ready.factors, [subject.asked], config, report)
        report(Progress("measuring", 0, 2))
        views = erasure(ready.model, prepared, subject.sequence)
        report(Progress("measuring", 1, 2))
        zeroed = zeroed_embeddings(ready.model, prepared, subject.sequence, self._batch_tokens)
        return ErasureResult(output=views.output.tolist(), input=views.input.tolist(), zeroed=zeroed.tolist())

    def _one_step(self, subject: Subject, report: Report) -> OneStepResult:
        report(Progress("measuring", 0, 1))
        (measured,) = one_step(subject.ready.model, [subject.asked], subject.sequence, RELATIVE_STEP)
        raw = subject.kept.influence
        # Along the plain gradient nothing but the sign can agree: scaled to the same size, it is all that is compared.
        said = verdict(abs(measured) * (1 if raw > 0 else -1), measured)
        return OneStepResult(measured=measured, influence=raw, relative_step=RELATIVE_STEP, verdict=said)

    def _counterfactual(self, subject: Subject, report: Report) -> CounterfactualResult:
        sample = self.sample(subject)
        n, corpus = subject.run.training_sequences, len(subject.ready.sequences)
        copies = (1,) if subject.listed else (1, -1)
        solved = [
            self._solved(subject, sample, sign, shifted(report, place * ITERATIONS, len(copies) * ITERATIONS))
            for place, sign in enumerate(copies)
        ]
        return CounterfactualResult(
            added=moved(solved[0]),
            removed=None if len(solved) == 1 else moved(solved[1]),
            weight=1 / (n or corpus),
            training_sequences=n,
            corpus_sequences=corpus,
            averaged_over=len(sample.sequences),
            certain=sample.certain,
            settled=SETTLED,
            iterations=ITERATIONS,
            damping=subject.chosen.damping,
        )

    def _solved(self, subject: Subject, sample: Sample, copies: int, report: Report) -> Counterfactual:
        config = CounterfactualConfig(
            copies=copies,
            iterations=ITERATIONS,
            tolerance=TOLERANCE,
            damping=RelativeDamping(subject.chosen.relative_damping),
            batch_tokens=self._batch_tokens,
        )
        ready, asked = subject.ready, [subject.asked]
        n = subject.run.training_sequences or len(ready.sequences)
        return counterfactual(
            ready.model, ready.factors, asked, subject.sequence, sample.sequences, n, config, report, sample.weights
        )

    def sample(self, subject: Subject) -> Sample:
        """What stands for the corpus; the sequence itself and the heaviest of its run weigh as they do there."""
        own = [] if subject.listed else [subject.kept.sequence_id]
        pulling = list(dict.fromkeys([*own, *subject.heaviest]))
        return sampled(subject.ready.sequences, pulling, self.preparation.settings.check_sequences)


def moved(found: Counterfactual) -> Moved:
    """What a solve says of its only query."""
    predicted, measured = found.predicted[0], found.measured[0]
    return Moved(
        predicted=predicted,
        measured=measured,
        iterations=found.iterations,
        residual=found.residual,
        verdict=verdict(predicted, measured, converged=found.residual <= SETTLED),
    )


def _require_same(run: Run, ready: Ready) -> None:
    if run.model_fingerprint != ready.model.fingerprint:
        raise Conflict(f"The weights of {run.model!r} have changed since run {run.id!r} was answered.", ASK_AGAIN)
    if run.factors_fingerprint != ready.factors.fingerprint:
        raise Conflict(f"The factors of {run.model!r} were fitted anew since run {run.id!r} was answered.", ASK_AGAIN)
