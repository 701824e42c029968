"""One model with everything known about it: its factors, what queries cost, and what was measured of its influences."""

from statistics import median
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from app.models import Corpus, FactorSet, Model, Query, Run, Scan, TokenizedCorpus
from app.services import catalog, corpora, faithful, studies, views
from app.services.run_settings import RunSettings
from app.services.shapes import CostView, FactorsView, ModelDetail, QuerySummary, Scope

RECENT = 10
# Scans before these say little of what a query takes now.
SCANS = 200


def get(session: Session, name: str) -> ModelDetail:
    """A model, or NotFound."""
    view = catalog.model(session, name)
    asked = select(func.count()).select_from(Run).where(Run.model == name)
    return ModelDetail.model_validate(
        {
            **dict(view),
            "factors": factors(session, name),
            "costs": costs(session, name),
            "faithfulness": faithful.of_model(session, name),
            "studies": studies.numbers(view.fingerprint),
            "queries": session.scalar(asked) or 0,
            "recent": recent(session, Run.model == name),
        }
    )


def recent(session: Session, *conditions: object) -> list[QuerySummary]:
    """The newest queries with a run that meets the conditions."""
    ids = select(Run.query_id).join(Query, Query.id == Run.query_id).where(*conditions)  # type: ignore[arg-type]
    chosen = select(Query).where(Query.id.in_(ids)).options(selectinload(Query.runs))
    found = session.scalars(chosen.order_by(Query.created_at.desc(), Query.id).limit(RECENT))
    return [views.query_summary(query) for query in found]


def factors(session: Session, name: str) -> list[FactorsView]:
    """The fitted factors of a model, the newest first."""
    chosen = select(FactorSet).where(FactorSet.model == name).order_by(FactorSet.id.desc())
    return [_factors(session, row) for row in session.scalars(chosen)]


def _factors(session: Session, row: FactorSet) -> FactorsView:
    cut = session.get_one(TokenizedCorpus, row.tokenized)
    corpus, model = session.get_one(Corpus, cut.corpus), session.get_one(Model, row.model)
    added = [part.added_at for part in corpora.views(corpus)]
    settings = {key: value for key, value in row.config.items() if key in RunSettings.model_fields}
    return FactorsView.model_validate(
        {
            "corpus": cut.corpus,
            "length": cut.length,
            "sequences": row.sequences,
            "corpus_sequences": cut.sequences,
            "fitted_at": row.created_at,
            "seconds": row.seconds,
            "config": row.config,
            "damping": RunSettings.model_validate(settings).damping,
            "fingerprint": row.fingerprint,
            "weights_changed": row.model_fingerprint != model.fingerprint,
            "corpus_grown": len(added) > 1 and max(added) > row.created_at,
        }
    )


def costs(session: Session, name: str) -> list[CostView]:
    """What its finished scans took, by scope."""
    chosen = select(Scan).where(Scan.model == name, Scan.finished_at.is_not(None), Scan.sequences.is_not(None))
    found: dict[str, list[Scan]] = {}
    for scan in session.scalars(chosen.order_by(Scan.finished_at.desc()).limit(SCANS)):
        found.setdefault(scan.scope, []).append(scan)
    return [_cost(cast(Scope, scope), scans) for scope, scans in found.items()]


def _cost(scope: Scope, scans: list[Scan]) -> CostView:
    took = [sum(scan.seconds.values()) for scan in scans]
    return CostView(
        scope=scope,
        scans=len(scans),
        queries=sum(len(scan.run_ids) for scan in scans),
        sequences=round(median(scan.sequences or 0 for scan in scans)),
        seconds=median(took),
        least=min(took),
        most=max(took),
    )
