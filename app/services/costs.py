"""What scans and fits take on this installation, in seconds a token, from those that were made here."""

from dataclasses import dataclass
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import FactorSet, Model, Run, Scan, TokenizedCorpus
from app.services.shapes.outlook import Basis

# Earlier ones were made by other code, or while the machine was another.
NEWEST = 20
# A pass over the corpus with a query's gradient takes about what the pass for the corrected eigenvalues takes: both run
# the model forth and back over every token, and rotate or contract the gradients of every module once.
LIKE_A_SCAN = "eigenvalues"


@dataclass(frozen=True)
class Rate:
    """Seconds a token of a pass, beside what a query takes however long the corpus is, and where that is from."""

    per_token: float
    fixed: float
    basis: Basis


def scan_rate(session: Session, model: Model) -> Rate | None:
    """How fast a model scans: by its own scans, else by its fit, else by those of other models and their sizes."""
    return _by_scans(session, model) or _by_fit(session, model) or _by_others(session, model)


def _by_scans(session: Session, model: Model) -> Rate | None:
    chosen = (
        select(Scan, TokenizedCorpus)
        .join(TokenizedCorpus, TokenizedCorpus.id == Scan.tokenized)
        .where(Scan.model == model.name, Scan.finished_at.is_not(None), Scan.sequences > 0)
        .order_by(Scan.finished_at.desc())
        .limit(NEWEST)
    )
    rates, fixed = [], []
    for scan, cut in session.execute(chosen):
        tokens = (scan.sequences or 0) * cut.tokens / max(cut.sequences, 1)
        if tokens and scan.seconds.get("scanning"):
            rates.append(scan.seconds["scanning"] / tokens)
            fixed.append(scan.seconds.get("loading", 0.0) + _of_each(session, scan))
    return Rate(median(rates), median(fixed), "scans") if rates else None


def _of_each(session: Session, scan: Scan) -> float:
    """What each query of a scan took by itself: its preparation, and its share of scoring the hits exactly."""
    found = session.scalars(select(Run.seconds).where(Run.scan_id == scan.id, Run.state == "done").limit(1)).first()
    return float(scan.seconds.get("preparing", 0.0) + (found or {}).get("rescoring", 0.0)) / max(len(scan.run_ids), 1)


@dataclass(frozen=True)
class Fit:
    """A fit that was made: of a model of so many parameters, over so many tokens."""

    parameters: int | None
    tokens: float
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """All its passes, in seconds."""
        return sum(self.seconds.values())


def _fits(session: Session) -> list[tuple[str, Fit]]:
    chosen = (
        select(FactorSet, TokenizedCorpus, Model.non_embedding_parameters)
        .join(TokenizedCorpus, TokenizedCorpus.id == FactorSet.tokenized)
        .join(Model, Model.name == FactorSet.model)
        .order_by(FactorSet.id.desc())
        .limit(10 * NEWEST)
    )
    found = []
    for fitted, cut, parameters in session.execute(chosen):
        tokens = (fitted.sequences or cut.sequences) * cut.tokens / max(cut.sequences, 1)
        if tokens:
            found.append((fitted.model, Fit(parameters, tokens, dict(fitted.seconds))))
    return found


def _by_fit(session: Session, model: Model) -> Rate | None:
    for name, fit in _fits(session):
        if name == model.name and fit.seconds.get(LIKE_A_SCAN):
            return Rate(fit.seconds[LIKE_A_SCAN] / fit.tokens, 0.0, "fit")
    return None


def _by_others(session: Session, model: Model) -> Rate | None:
    """A pass takes time in proportion to a model's parameters; the model nearest in size tells how much."""
    fit = _nearest(session, model)
    if fit is None or not fit.seconds.get(LIKE_A_SCAN):
        return None
    return Rate(fit.seconds[LIKE_A_SCAN] / fit.tokens * _times(fit, model), 0.0, "other models")


def _nearest(session: Session, model: Model) -> Fit | None:
    if model.non_embedding_parameters is None:
        return None
    mine = model.non_embedding_parameters
    sized = [fit for _, fit in _fits(session) if fit.parameters]
    return min(sized, key=lambda fit: max(mine / (fit.parameters or 1), (fit.parameters or 1) / mine), default=None)


def _times(fit: Fit, model: Model) -> float:
    return (model.non_embedding_parameters or 0) / (fit.parameters or 1)


def fit_seconds(session: Session, model: Model, tokens: float) -> float | None:
    """What fitting a model on so many tokens would take; None where nothing of the kind was made here."""
    own = next((fit for name, fit in _fits(session) if name == model.name), None)
    if own is not None:
        return own.total / own.tokens * tokens
    other = _nearest(session, model)
    return None if other is None else other.total / other.tokens * tokens * _times(other, model)
