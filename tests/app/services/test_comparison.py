"""Comparisons against independent counts, and SciPy's rank correlation."""

from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats
from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate, session_factory
from app.models import Corpus
from app.services import comparison, joining, results
from app.services.errors import Conflict, InvalidInput
from app.services.joining import Joinable
from app.settings import Settings
from tests.app.rows import N, add_catalog, answer, form, submit

FIRST = {1: 8.0, 2: 7.0, 3: 6.0, 4: 5.0}
SECOND = {3: 9.0, 1: 8.0, 9: 4.0, 2: 1.0}


@pytest.fixture
def database(tmp_path: Path) -> sessionmaker[Session]:
    settings = Settings(home=tmp_path)
    migrate(settings)
    factory = session_factory(settings)
    add_catalog(factory)
    return factory


@pytest.fixture
def two(database: sessionmaker[Session]) -> list[str]:
    runs = submit(database, form(models=["small", "large"]))
    with database() as session:
        for run, found in zip(runs, (FIRST, SECOND), strict=True):
            results.record(session, answer(run, found))
    return runs


def test_shared_sequences_are_joined_with_the_rank_in_each_run(database: sessionmaker[Session], two: list[str]) -> None:
    with database() as session:
        found = comparison.compare(session, two)
    joined = {one.sequence_id: one for one in found.sequences}
    assert set(joined) == set(FIRST) | set(SECOND)
    assert joined[1].ranks == [1, 2]
    assert joined[1].nats_per_copy == [8.0 / N, 8.0 / N]
    assert joined[9].ranks == [None, 3]
    assert [run.model for run in found.runs] == ["small", "large"]


def test_agreement_counts_overlap_and_correlates_the_shared(database: sessionmaker[Session], two: list[str]) -> None:
    with database() as session:
        [agreement] = comparison.compare(session, two).agreements
    shared = [1, 2, 3]
    [overlap] = agreement.overlaps
    assert (overlap.first, overlap.jaccard, overlap.shared) == (10, len(shared) / 5, len(shared))
    assert agreement.only == (1, 1)
    assert agreement.shared == len(shared)
    expected = stats.spearmanr([FIRST[i] for i in shared], [SECOND[i] for i in shared]).statistic
    assert agreement.spearman is not None
    assert agreement.spearman.value == pytest.approx(expected)


def test_a_limit_shows_less_but_ranks_by_the_whole_list(database: sessionmaker[Session], two: list[str]) -> None:
    with database() as session:
        found = comparison.compare(session, two, limit=1)
    assert {one.sequence_id: one.ranks for one in found.sequences} == {1: [1, 2], 3: [3, 1]}
    assert [len(run.rows) for run in found.runs] == [1, 1]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_other_numbers_of_runs_are_refused(database: sessionmaker[Session], count: int) -> None:
    with database() as session, pytest.raises(InvalidInput, match=f"{count} runs were given"):
        comparison.compare(session, [f"run{i}" for i in range(count)])


def test_a_run_with_itself_is_refused(database: sessionmaker[Session], two: list[str]) -> None:
    with database() as session, pytest.raises(InvalidInput, match="2 runs were given"):
        comparison.compare(session, [two[0], two[0]])


def test_runs_over_different_corpora_cannot_be_joined(database: sessionmaker[Session]) -> None:
    with database() as session:
        session.add(Corpus(name="seas", source="seas.jsonl", state="ready", documents=N))
        session.commit()
    [first], [second] = submit(database, form()), submit(database, form(corpus="seas"))
    with database() as session:
        for run in (first, second):
            results.record(session, answer(run, FIRST))
        with pytest.raises(InvalidInput, match=r"corpus towns.*corpus seas"):
            comparison.compare(session, [first, second])


def test_answers_of_old_without_places_are_joined_by_their_document(database: sessionmaker[Session]) -> None:
    runs = submit(database, form(models=["small", "large"]))
    with database() as session:
        for run, corpus in zip(runs, ("one", "two"), strict=True):
            made = answer(run, FIRST)
            results.record(session, replace(made, made=replace(made.made, corpus_fingerprint=corpus)))
        found = comparison.compare(session, runs)
    assert found.joined_by == "document"
    assert [item.sequence_ids for item in found.sequences] == [[i, i] for i in FIRST]


def _kept(place: int, start: int, stop: int, rank: int, document: str = "d") -> Joinable:
    held = {"document": document, "start": 0, "stop": stop - start, "begins": start}
    return Joinable(rank, place, 1.0 / rank, document, None, "", [held])


def test_the_longest_overlap_is_joined_first_and_no_sequence_twice() -> None:
    columns = [
        [_kept(0, 0, 100, rank=1)],
        [_kept(10, 0, 40, rank=1), _kept(11, 40, 100, rank=2), _kept(12, 0, 100, rank=3, document="e")],
        [_kept(20, 0, 45, rank=1), _kept(21, 45, 100, rank=2)],
    ]
    found = {tuple(None if one is None else one.sequence_id for one in row) for row in joining.by_document(columns)}
    # By hand: 0 shares 60 characters with 11, 55 with 21, and 11 shares 55 with 21; 10 shares 40 with 20.
    assert found == {(0, 11, 21), (None, 10, 20), (None, 12, None)}


def test_a_sequence_of_several_documents_overlaps_by_all_of_them() -> None:
    held = [
        {"document": "a", "start": 0, "stop": 10, "begins": 50},
        {"document": "b", "start": 11, "stop": 31, "begins": 0},
    ]
    packed = _kept(0, 0, 30, rank=1)._replace(documents=held)
    whole = [_kept(5, 0, 60, rank=1, document="a"), _kept(6, 5, 50, rank=2, document="b")]
    found = {
        tuple(None if one is None else one.sequence_id for one in row) for row in joining.by_document([[packed], whole])
    }
    # 10 characters of a, and 15 of b.
    assert found == {(0, 6), (None, 5)}


def test_a_run_that_is_not_done_cannot_be_compared(database: sessionmaker[Session]) -> None:
    runs = submit(database, form(models=["small", "large"]))
    with database() as session, pytest.raises(Conflict, match="is queued"):
        comparison.compare(session, runs)
