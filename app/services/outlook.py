"""What a query would take before it is asked, and whether it is there already."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import FactorSet, Model, Query, Run, StoredIndex, TokenizedCorpus
from app.services import catalog, costs, identity, storing
from app.services.errors import InvalidInput
from app.services.indexes import candidates_for
from app.services.run_settings import RunSettings
from app.services.shapes import ModelOutlook, NearQuery, Outlook, QueryForm
from app.settings import Settings

# Of the newest queries so many are looked at for words that are nearly the same.
LOOKED_AT = 200
MOST_READ = 600
# Those of any age that begin like it are looked at too.
BEGINNING = 12
NEAR = 0.9
MOST_NEAR = 3
LONGEST = 2_000
UNDER_WAY = ("queued", "running")


def outlook(session: Session, settings: Settings, form: QueryForm) -> Outlook:
    """What a form would take, and what is there of it. The form may be unfinished; nothing is stored."""
    key = _key(form)
    existing = None if key is None else session.get(Query, key)
    models = [_of_model(session, form, name, key, settings) for name in dict.fromkeys(form.models)]
    known = [one for one in models if one is not None]
    waiting, before = _line(session, settings)
    alive = sum(worker.alive for worker in catalog.workers(session))
    return Outlook(
        existing=None if existing is None else existing.id,
        url=None if existing is None else f"/queries/{existing.id}",
        near=[] if existing is not None else list(_near(session, form)),
        models=known,
        waiting=waiting,
        waiting_seconds=before,
        seconds=_together(known, before, alive),
        workers=alive,
    )


def _key(form: QueryForm) -> str | None:
    """The id that the query would have; None while it lacks a part, and for candidates, which are not compared."""
    if not form.prompt.strip() or not (form.completion.strip() or form.writer) or form.scope == "candidates":
        return None
    try:
        return storing.key_of(form, None, form.keep)
    except InvalidInput:
        # Stretches that lie outside the completion: it is still being written.
        return None


def _of_model(session: Session, form: QueryForm, name: str, key: str | None, settings: Settings) -> ModelOutlook | None:
    model = session.get(Model, name)
    if model is None:
        return None
    cut, rate = _cut(session, model, form.corpus), costs.scan_rate(session, model)
    sequences = _sequences(form.scope, form.keep, len(form.candidates or ()), cut, settings)
    fits = cut is None or not _fitted(session, model, cut)
    return ModelOutlook(
        model=name,
        sequences=sequences,
        seconds=_seconds(rate, cut, sequences),
        basis="nothing" if rate is None else rate.basis,
        fits=fits,
        fitting_seconds=_fitting(session, model, cut, settings) if fits else None,
        indexes=form.scope == "indexed" and not _indexed(session, model, form),
        answered=_answered(session, form, name, key),
    )


def _answered(session: Session, form: QueryForm, model: str, key: str | None) -> str | None:
    if key is None:
        return None
    run = session.get(Run, identity.run_id(key, model, RunSettings.of(form.settings)))
    return None if run is None else run.id


def _cut(session: Session, model: Model, corpus: str) -> TokenizedCorpus | None:
    """The corpus as this model reads it, if anybody has cut it so."""
    chosen = select(TokenizedCorpus).where(
        TokenizedCorpus.corpus == corpus, TokenizedCorpus.tokenizer_fingerprint == model.tokenizer_fingerprint
    )
    return session.scalar(chosen.order_by(TokenizedCorpus.id.desc()).limit(1))


def _sequences(scope: str, keep: int, texts: int, cut: TokenizedCorpus | None, settings: Settings) -> int | None:
    """How many are scored: all, as many as the scope lets, or the texts given."""
    if scope == "candidates":
        return texts
    if cut is None:
        return None
    most = {"lexical": settings.prefilter_sequences, "indexed": 2 * candidates_for(keep)}
    return min(cut.sequences, most.get(scope, cut.sequences))


def _seconds(rate: costs.Rate | None, cut: TokenizedCorpus | None, sequences: int | None) -> float | None:
    if rate is None or cut is None or sequences is None:
        return None
    return rate.fixed + rate.per_token * sequences * cut.tokens / max(cut.sequences, 1)


def _fitted(session: Session, model: Model, cut: TokenizedCorpus) -> bool:
    same = (FactorSet.tokenized == cut.id, FactorSet.model_fingerprint == model.fingerprint)
    return session.scalar(select(FactorSet.id).where(*same).limit(1)) is not None


def _fitting(session: Session, model: Model, cut: TokenizedCorpus | None, settings: Settings) -> float | None:
    if cut is None:
        return None
    share = min(1.0, settings.fit_sequences / max(cut.sequences, 1))
    return costs.fit_seconds(session, model, cut.tokens * share)


def _indexed(session: Session, model: Model, form: QueryForm) -> bool:
    chosen = select(StoredIndex.id).where(
        StoredIndex.model == model.name,
        StoredIndex.corpus == form.corpus,
        StoredIndex.config_digest == identity.index_digest(RunSettings.of(form.settings)),
        StoredIndex.state == "ready",
    )
    return session.scalar(chosen.limit(1)) is not None


def _line(session: Session, settings: Settings) -> tuple[int, float | None]:
    """How many runs wait or run, and how long they take: each scan once, however many share it."""
    chosen = select(Run.model, Run.seconds_left, Run.settings, Query.corpus, Query.scope, Query.keep, Query.candidates)
    rows = session.execute(chosen.join(Query, Query.id == Run.query_id).where(Run.state.in_(UNDER_WAY))).all()
    scans = {(row.model, row.corpus, row.scope, row.candidates, repr(row.settings)): row for row in rows}
    return len(rows), _sum(_scan_seconds(session, row, settings) for row in scans.values())


def _scan_seconds(session: Session, row: Any, settings: Settings) -> float | None:
    if row.seconds_left is not None:
        return float(row.seconds_left)
    model = session.get_one(Model, row.model)
    cut, texts = _cut(session, model, row.corpus), row.keep if row.scope == "candidates" else 0
    return _seconds(costs.scan_rate(session, model), cut, _sequences(row.scope, row.keep, texts, cut, settings))


def _sum(parts: Iterable[float | None]) -> float | None:
    """All parts together; None where one is not known."""
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def _together(models: list[ModelOutlook], before: float | None, workers: int) -> float | None:
    """From now until all is answered: the line, then each model that has not answered, spread over the workers."""
    mine = [_sum((one.seconds, one.fitting_seconds if one.fits else 0.0)) for one in models if one.answered is None]
    if not mine:
        return 0.0
    line, own = _sum([before]), _sum(mine)
    if line is None or own is None or any(one.indexes for one in models):
        return None
    at_once = max(workers, 1)
    return line / at_once + max([own / at_once, *(part or 0.0 for part in mine)])


def _near(session: Session, form: QueryForm) -> Iterable[NearQuery]:
    """The queries whose words are nearly these, the nearest first."""
    mine = _words(form.prompt, form.completion)
    if not form.prompt.strip() or len(mine) > LONGEST:
        return []
    newest = Query.id.in_(select(Query.id).order_by(Query.created_at.desc()).limit(LOOKED_AT))
    begins = func.lower(Query.prompt).startswith(form.prompt.strip()[:BEGINNING].lower(), autoescape=True)
    found = session.scalars(select(Query).where(or_(begins, newest)).order_by(Query.created_at.desc()).limit(MOST_READ))
    near = [(_likeness(mine, _words(query.prompt, query.completion)), query) for query in found]
    best = sorted((one for one in near if one[0] >= NEAR), key=lambda one: (-one[0], one[1].id))
    return [_near_query(query, likeness) for likeness, query in best[:MOST_NEAR]]


def _words(prompt: str, completion: str) -> str:
    """Prompt and completion without what people write differently: capitals, white space, punctuation at the end."""
    return re.sub(r"\s+", " ", f"{prompt} {completion}").strip(" .!?").casefold()


def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    # The cheap bounds first: most queries are nothing like it.
    if len(other) > LONGEST or matcher.real_quick_ratio() < NEAR or matcher.quick_ratio() < NEAR:
        return 0.0
    return matcher.ratio()


def _near_query(query: Query, likeness: float) -> NearQuery:
    same = ("id", "prompt", "completion", "corpus", "scope", "keep")
    told = {name: getattr(query, name) for name in same}
    return NearQuery.model_validate({**told, "url": f"/queries/{query.id}", "alike": likeness == 1.0})
