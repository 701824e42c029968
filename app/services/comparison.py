"""Two to four runs side by side: which sequences they share, and how far their rankings agree."""

from dataclasses import dataclass
from itertools import combinations
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Corpus, Influence, Query, Run
from app.services import joining, layers, results, units, views
from app.services.agreement import RESAMPLES, Key, Scores, agreement
from app.services.errors import InvalidInput
from app.services.joining import Joinable
from app.services.run_settings import RunSettings
from app.services.shapes import Agreement, ComparedRun, ComparedSequence, Comparison, Scope, Sign

JoinedBy = Literal["sequence", "document"]


@dataclass(frozen=True)
class Lists:
    """The kept lists of some runs, joined: a row for each sequence that any keeps, the best ranked first."""

    sign: Sign
    joined_by: JoinedBy
    runs: list[Run]
    kept: list[list[Joinable]]
    rows: list[joining.Row]


def compare(session: Session, run_ids: list[str], sign: Sign = "positive", limit: int = 50) -> Comparison:
    """Compare done runs, by the first `limit` sequences of each. Raises: as `join`."""
    return told(session, join(session, run_ids, sign), limit)


def join(session: Session, run_ids: list[str], sign: Sign) -> Lists:
    """The kept lists of done runs over the same corpus or the same candidates.

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
    joined_by = _joined_by(runs)
    kept = [_kept(session, run, sign, documents=joined_by == "document") for run in runs]
    rows = joining.by_sequence(kept) if joined_by == "sequence" else joining.by_document(kept)
    return Lists(sign, joined_by, runs, kept, sorted(rows, key=_place))


def query_of(session: Session, run_id: str) -> str:
    """The query of a run that can be compared. Raises: NotFound, and Conflict while it is not done."""
    return results.done_run(session, run_id).query_id


def _place(row: joining.Row) -> tuple[int, int]:
    """The best rank first."""
    found = [one for one in row if one is not None]
    return min(one.rank for one in found), found[0].sequence_id


def told(
    session: Session, lists: Lists, limit: int = 50, rows: int | None = None, *, thirds: bool = True
) -> Comparison:
    """The comparison of joined lists, by the first `limit` sequences of each; of each run the first `rows` in full.

    Without `thirds` no run tells those of its network, for which all that it keeps is read.
    """
    first = limit if rows is None else rows
    return Comparison(
        sign=lists.sign,
        joined_by=lists.joined_by,
        runs=[_compared_run(session, run, lists.sign, first, thirds=thirds) for run in lists.runs],
        sequences=_sequences(lists, limit),
        agreements=_agreements(session, lists.runs, lists.kept, lists.joined_by),
    )


def _joined_by(runs: list[Run]) -> JoinedBy:
    """How the runs can be joined. Raises: InvalidInput where they scored different things."""
    queries = [run.query for run in runs]
    if len({(query.corpus, query.candidates) for query in queries}) > 1:
        scored = [f"{run.id} ({run.model}: {_named(query)})" for run, query in zip(runs, queries, strict=True)]
        raise InvalidInput(
            "These runs scored different corpora or candidates: " + ", ".join(scored),
            "Choose runs over one corpus, or over the same candidates.",
            "runs",
        )
    same = queries[0].candidates is not None or len({run.corpus_fingerprint for run in runs}) == 1
    return "sequence" if same else "document"


def _named(query: Query) -> str:
    return f"corpus {query.corpus}" if query.candidates is None else f"candidates {query.candidates}"


def _kept(session: Session, run: Run, sign: Sign, *, documents: bool) -> list[Joinable]:
    """A run's list; with what its sequences hold of documents where they are joined by that."""
    wanted = (name for name in Joinable._fields if documents or name != "documents")
    chosen = select(*(getattr(Influence, name) for name in wanted))
    found = session.execute(chosen.where(Influence.run_id == run.id, Influence.sign == sign).order_by(Influence.rank))
    return [Joinable(*row) for row in found]


def _compared_run(session: Session, run: Run, sign: Sign, limit: int, *, thirds: bool) -> ComparedRun:
    query, profile = run.query, results.layer_profile(run)
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
        settings=RunSettings.model_validate(run.settings).choices,
        layer_profile=[] if profile is None else getattr(profile, sign),
        thirds=layers.thirds_of(session, run, sign) if thirds else [],
        rows=results.rows(session, run, sign, 0, limit),
    )


def _sequences(lists: Lists, limit: int) -> list[ComparedSequence]:
    """The rows with any of the first `limit` of each run."""
    heaviest = [column[0].influence if column else None for column in lists.kept]
    return [_sequence(row, lists.runs, heaviest) for row in lists.rows if _place(row)[0] <= limit]


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


def _agreements(session: Session, runs: list[Run], kept: list[list[Joinable]], joined_by: JoinedBy) -> list[Agreement]:
    scores, scored = [_scores(column, joined_by) for column in kept], [_scored(session, run, joined_by) for run in runs]
    return [
        _agreement((runs[a].id, runs[b].id), scores[a], scores[b], scored[a] if scored[a] == scored[b] else None)
        for a, b in combinations(range(len(runs)), 2)
    ]


def _scores(column: list[Joinable], joined_by: JoinedBy) -> Scores:
    """By sequence; or by document, which stands where its heaviest sequence stands."""
    found: dict[Key, float] = {}
    for one in column:
        found.setdefault(one.sequence_id if joined_by == "sequence" else one.document, one.influence)
    return tuple(found.items())


def _scored(session: Session, run: Run, joined_by: JoinedBy) -> int | None:
    """How many sequences, or documents, a run's lists were chosen from; None where a scope chose some for itself."""
    query = run.query
    if query.scope not in ("everything", "candidates"):
        return None
    return run.sequences_scanned if joined_by == "sequence" else session.get_one(Corpus, query.corpus).documents


def _agreement(names: tuple[str, str], first: Scores, second: Scores, scored: int | None) -> Agreement:
    found = agreement(first, second, scored)
    return Agreement(
        runs=names,
        overlaps=list(found.overlaps),
        spearman=found.spearman,
        kendall=found.kendall,
        shared=found.shared,
        only=(len(first) - found.shared, len(second) - found.shared),
        scored=scored,
        resamples=RESAMPLES,
    )
