"""Two to four runs side by side: which sequences they share, and how far their rankings agree."""

from itertools import combinations
from typing import cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Influence, Query, Run
from app.services import results
from app.services.errors import InvalidInput
from app.services.shapes import Agreement, ComparedRun, ComparedSequence, Comparison, Scope, Sign

DEPTHS = (10, 50, 500)
Scores = dict[int, float]


def compare(session: Session, run_ids: list[str], sign: Sign = "positive", limit: int = 50) -> Comparison:
    """Compare done runs over the same corpus, by the first `limit` sequences of each.

    Sequences are joined by their place in the corpus, so the models must share a tokenizer.
    """
    if len(set(run_ids)) != len(run_ids) or not 2 <= len(run_ids) <= 4:
        raise InvalidInput(
            f"{len(run_ids)} runs were given: {', '.join(run_ids) or 'none'}.",
            "Compare two, three or four different runs.",
            "runs",
        )
    runs = [results.done_run(session, run_id) for run_id in run_ids]
    _check_same_corpus(runs)
    kept = [_kept(session, run, sign) for run in runs]
    return Comparison(
        sign=sign,
        runs=[_compared_run(session, run, sign, limit) for run in runs],
        sequences=_sequences(kept, runs, limit),
        agreements=_agreements(runs, kept),
    )


def _check_same_corpus(runs: list[Run]) -> None:
    if len({run.corpus_fingerprint for run in runs}) > 1:
        raise InvalidInput(
            "These runs scanned different corpora, or the same one cut by different tokenizers: "
            + ", ".join(f"{run.id} ({run.model})" for run in runs),
            "Choose runs whose models share corpus and tokenizer.",
            "runs",
        )


def _kept(session: Session, run: Run, sign: Sign) -> list[Influence]:
    chosen = select(Influence).where(Influence.run_id == run.id, Influence.sign == sign).order_by(Influence.rank)
    return list(session.scalars(chosen))


def _compared_run(session: Session, run: Run, sign: Sign, limit: int) -> ComparedRun:
    query, profile = session.get_one(Query, run.query_id), results.layer_profile(run)
    return ComparedRun(
        run=run.id,
        query=query.id,
        model=run.model,
        scope=cast(Scope, query.scope),
        prompt=query.prompt,
        completion=query.completion,
        log_p=run.log_p,
        layers=run.layers,
        layer_profile=[] if profile is None else getattr(profile, sign),
        rows=results.rows(session, run, sign, 0, limit),
    )


def _sequences(kept: list[list[Influence]], runs: list[Run], limit: int) -> list[ComparedSequence]:
    """The union of the first `limit` of each run, best rank first."""
    by_id = [{one.sequence_id: one for one in column} for column in kept]
    shown = {one.sequence_id for column in kept for one in column[:limit]}
    joined = [_sequence(sequence_id, by_id, runs) for sequence_id in shown]
    return sorted(joined, key=lambda one: (min(rank for rank in one.ranks if rank is not None), one.sequence_id))


def _sequence(sequence_id: int, by_id: list[dict[int, Influence]], runs: list[Run]) -> ComparedSequence:
    found = [column.get(sequence_id) for column in by_id]
    any_row = next(one for one in found if one is not None)
    return ComparedSequence(
        sequence_id=sequence_id,
        document=any_row.document,
        kind=any_row.kind,
        text=any_row.text,
        ranks=[None if one is None else one.rank for one in found],
        nats_per_copy=[
            None if one is None else one.influence / (run.training_sequences or 1)
            for one, run in zip(found, runs, strict=True)
        ],
    )


def _agreements(runs: list[Run], kept: list[list[Influence]]) -> list[Agreement]:
    scores = [{one.sequence_id: one.influence for one in column} for column in kept]
    return [_agreement((runs[a].id, runs[b].id), scores[a], scores[b]) for a, b in combinations(range(len(runs)), 2)]


def _agreement(names: tuple[str, str], first: Scores, second: Scores) -> Agreement:
    shared = [sequence_id for sequence_id in first if sequence_id in second]
    return Agreement(
        runs=names,
        jaccard={str(k): jaccard(list(first), list(second), k) for k in DEPTHS if k <= _depth(first, second)},
        spearman=spearman([first[i] for i in shared], [second[i] for i in shared]),
        shared=len(shared),
    )


def _depth(first: Scores, second: Scores) -> int:
    # An overlap at 500 of lists that hold 50 would only repeat the one at 50.
    return max(DEPTHS[0], min(len(first), len(second)))


def jaccard(first: list[int], second: list[int], k: int) -> float:
    """The share of sequences in both lists' first k among those in either; 1 for two empty lists."""
    a, b = set(first[:k]), set(second[:k])
    return len(a & b) / len(a | b) if a | b else 1.0


def spearman(first: list[float], second: list[float]) -> float | None:
    """Spearman's rank correlation with average ranks for ties; None below three values or without spread."""
    if len(first) < 3:
        return None
    a, b = ranks(np.asarray(first)), ranks(np.asarray(second))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[place], dtype=np.float64)
