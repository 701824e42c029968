"""Two to four runs side by side: which sequences they share, and how far their rankings agree."""

from collections.abc import Sequence as Many
from itertools import combinations
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Influence, Query, Run
from app.services import joining, results, units, views
from app.services.errors import InvalidInput
from app.services.shapes import Agreement, ComparedRun, ComparedSequence, Comparison, Scope, Sign

DEPTHS = (10, 50, 500)
JoinedBy = Literal["sequence", "document"]
# Influence by a sequence's place or a document's name, the heaviest first.
Scores = dict[int | str, float]


def compare(session: Session, run_ids: list[str], sign: Sign = "positive", limit: int = 50) -> Comparison:
    """Compare done runs over the same corpus or the same candidates, by the first `limit` sequences of each.

    Runs that scored the same sequences are joined by them. Where models tokenise differently, the same document is cut
    into other sequences: then those are joined whose stretches of a document overlap, and agreement is of documents.
    """
    if len(set(run_ids)) != len(run_ids) or not 2 <= len(run_ids) <= 4:
        raise InvalidInput(
            f"{len(run_ids)} runs were given: {', '.join(run_ids) or 'none'}.",
            "Compare two, three or four different runs.",
            "runs",
        )
    runs = [results.done_run(session, run_id) for run_id in run_ids]
    joined_by = _joined_by(session, runs)
    kept = [_kept(session, run, sign) for run in runs]
    rows = joining.by_sequence(kept) if joined_by == "sequence" else joining.by_document(kept)
    return Comparison(
        sign=sign,
        joined_by=joined_by,
        runs=[_compared_run(session, run, sign, limit) for run in runs],
        sequences=_sequences(rows, kept, runs, limit),
        agreements=_agreements(runs, kept, joined_by),
    )


def _joined_by(session: Session, runs: list[Run]) -> JoinedBy:
    """How the runs can be joined. Raises: InvalidInput where they scored different things."""
    queries = [session.get_one(Query, run.query_id) for run in runs]
    if len({(query.corpus, query.candidates) for query in queries}) > 1:
        scored = [f"{run.id} ({run.model}: {_scored(query)})" for run, query in zip(runs, queries, strict=True)]
        raise InvalidInput(
            "These runs scored different corpora or candidates: " + ", ".join(scored),
            "Choose runs over one corpus, or over the same candidates.",
            "runs",
        )
    same = queries[0].candidates is not None or len({run.corpus_fingerprint for run in runs}) == 1
    return "sequence" if same else "document"


def _scored(query: Query) -> str:
    return f"corpus {query.corpus}" if query.candidates is None else f"candidates {query.candidates}"


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
        **views.asked(query),
        log_p=run.log_p,
        log_p_against=run.log_p_against,
        training_sequences=run.training_sequences,
        unit=units.unit(run.training_sequences).key,
        layers=run.layers,
        layer_profile=[] if profile is None else getattr(profile, sign),
        rows=results.rows(session, run, sign, 0, limit),
    )


def _sequences(
    rows: list[joining.Row], kept: list[list[Influence]], runs: list[Run], limit: int
) -> list[ComparedSequence]:
    """The rows with any of the first `limit` of each run, best rank first."""
    heaviest = [column[0].influence if column else None for column in kept]
    shown = [row for row in rows if any(one is not None and one.rank <= limit for one in row)]
    joined = [_sequence(row, runs, heaviest) for row in shown]
    return sorted(joined, key=lambda one: (min(rank for rank in one.ranks if rank is not None), one.sequence_id))


def _sequence(found: joining.Row, runs: list[Run], heaviest: list[float | None]) -> ComparedSequence:
    any_row = next(one for one in found if one is not None)
    return ComparedSequence(
        sequence_id=any_row.sequence_id,
        sequence_ids=[None if one is None else one.sequence_id for one in found],
        document=any_row.document,
        kind=any_row.kind,
        text=any_row.text,
        ranks=[None if one is None else one.rank for one in found],
        influences=[None if one is None else one.influence for one in found],
        nats_per_copy=[
            None if one is None else units.nats_per_copy(one.influence, run.training_sequences)
            for one, run in zip(found, runs, strict=True)
        ],
        relative=[
            None if one is None else units.relative(one.influence, most)
            for one, most in zip(found, heaviest, strict=True)
        ],
    )


def _agreements(runs: list[Run], kept: list[list[Influence]], joined_by: JoinedBy) -> list[Agreement]:
    scores = [_scores(column, joined_by) for column in kept]
    return [_agreement((runs[a].id, runs[b].id), scores[a], scores[b]) for a, b in combinations(range(len(runs)), 2)]


def _scores(column: list[Influence], joined_by: JoinedBy) -> Scores:
    """By sequence; or by document, which stands where its heaviest sequence stands."""
    found: Scores = {}
    for one in column:
        found.setdefault(one.sequence_id if joined_by == "sequence" else one.document, one.influence)
    return found


def _agreement(names: tuple[str, str], first: Scores, second: Scores) -> Agreement:
    shared = [key for key in first if key in second]
    return Agreement(
        runs=names,
        jaccard={str(k): jaccard(list(first), list(second), k) for k in DEPTHS if k <= _depth(first, second)},
        spearman=spearman([first[i] for i in shared], [second[i] for i in shared]),
        shared=len(shared),
    )


def _depth(first: Scores, second: Scores) -> int:
    # An overlap at 500 of lists that hold 50 would only repeat the one at 50.
    return max(DEPTHS[0], min(len(first), len(second)))


def jaccard(first: Many[int | str], second: Many[int | str], k: int) -> float:
    """The share of those in both lists' first k among those in either; 1 for two empty lists."""
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
