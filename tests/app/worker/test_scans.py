"""Claiming: every run is in exactly one scan, and what can share one does."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.jobs.client import NullJobs
from app.models import Corpus, Model, Run, Scan
from app.services import queries
from app.worker import scans
from tests.app.rows import add_catalog, form, submit

ENOUGH = 1e9


@pytest.fixture(autouse=True)
def _catalog(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)


def _ask(sessions: sessionmaker[Session], count: int, **changed: object) -> list[str]:
    return [run for i in range(count) for run in submit(sessions, form(completion=f"in {i}", **changed))]


def test_a_claim_takes_all_waiting_runs_of_the_same_model_and_corpus(sessions: sessionmaker[Session]) -> None:
    runs = _ask(sessions, 3)
    others = _ask(sessions, 2, models=["large"])
    assert scans.claim(sessions, runs[1], 1, runs[1], ENOUGH) == runs[1]
    with sessions() as session:
        scan = session.get_one(Scan, runs[1])
        assert scan.run_ids == [runs[1], runs[0], runs[2]]
        assert {run.state for run in session.scalars(select(Run).where(Run.id.in_(runs)))} == {"running"}
        assert {run.state for run in session.scalars(select(Run).where(Run.id.in_(others)))} == {"queued"}


def test_a_run_that_another_scan_took_is_not_scanned_again(sessions: sessionmaker[Session]) -> None:
    first, second = _ask(sessions, 2)
    assert scans.claim(sessions, first, 1, first, ENOUGH) == first
    assert scans.claim(sessions, second, 1, second, ENOUGH) is None


def test_claiming_again_after_a_crash_gives_the_same_scan(sessions: sessionmaker[Session]) -> None:
    [run] = _ask(sessions, 1)
    assert scans.claim(sessions, run, 1, run, ENOUGH) == run
    assert scans.claim(sessions, run, 1, run, ENOUGH) == run


def test_a_cancelled_run_and_an_old_attempt_have_nothing_to_claim(sessions: sessionmaker[Session]) -> None:
    [run] = _ask(sessions, 1)
    with sessions() as session:
        queries.cancel(session, NullJobs(), run.split("-")[0])
        assert scans.claim(sessions, run, 1, run, ENOUGH) is None
        queries.retry(session, NullJobs(), run.split("-")[0], run)
    assert scans.claim(sessions, run, 1, run, ENOUGH) is None
    assert scans.claim(sessions, run, 2, f"{run}.2", ENOUGH) == f"{run}.2"


def test_no_more_queries_share_a_scan_than_fit_in_memory(sessions: sessionmaker[Session]) -> None:
    runs = _ask(sessions, 5)
    scans.claim(sessions, runs[0], 1, runs[0], memory_bytes=3 * 4 * 1000.0)
    with sessions() as session:
        assert session.get_one(Scan, runs[0]).run_ids == runs[:3]


def test_the_scan_keeps_as_many_as_its_greediest_run(sessions: sessionmaker[Session]) -> None:
    [small], [large] = submit(sessions, form(keep=5)), submit(sessions, form(keep=9))
    scans.claim(sessions, small, 1, small, ENOUGH)
    with sessions() as session:
        scan = session.get_one(Scan, small)
        assert (set(scan.run_ids), scan.keep) == ({small, large}, 9)


def test_runs_that_came_to_wait_later_may_join_before_the_scan_is_prepared(sessions: sessionmaker[Session]) -> None:
    [first] = _ask(sessions, 1)
    scans.claim(sessions, first, 1, first, ENOUGH)
    [late] = submit(sessions, form(completion="later", keep=7))
    scans.join(sessions, first, ENOUGH)
    with sessions() as session:
        scan = session.get_one(Scan, first)
        assert (scan.run_ids, scan.keep) == ([first, late], 7)
        assert session.get_one(Run, late).state == "running"


def test_a_model_nobody_has_read_shares_no_scan_yet(sessions: sessionmaker[Session]) -> None:
    with writing(sessions) as session:
        session.get_one(Model, "small").non_embedding_parameters = None
    runs = _ask(sessions, 2)
    scans.claim(sessions, runs[0], 1, runs[0], ENOUGH)
    with sessions() as session:
        assert session.get_one(Scan, runs[0]).run_ids == runs[:1]


def test_another_corpus_is_another_scan(sessions: sessionmaker[Session]) -> None:
    with writing(sessions) as session:
        session.add(Corpus(name="rivers", source="rivers.jsonl", state="ready", documents=3))
    [first], [second] = submit(sessions), submit(sessions, form(corpus="rivers"))
    scans.claim(sessions, first, 1, first, ENOUGH)
    assert scans.claim(sessions, second, 1, second, ENOUGH) == second


def test_workers_that_claim_at_once_share_nothing_and_leave_nothing(sessions: sessionmaker[Session]) -> None:
    runs = _ask(sessions, 8)
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda run: scans.claim(sessions, run, 1, run, ENOUGH), runs))
    with sessions() as session:
        found = [scan.run_ids for scan in session.scalars(select(Scan))]
    assert sorted(run for ids in found for run in ids) == sorted(runs)
    assert len(found) == sum(scan is not None for scan in claimed)


def test_failing_a_scan_tells_every_run_that_is_still_wanted(sessions: sessionmaker[Session]) -> None:
    first, second = _ask(sessions, 2)
    scans.claim(sessions, first, 1, first, ENOUGH)
    with sessions() as session:
        queries.cancel(session, NullJobs(), second.split("-")[0])
    scans.fail(sessions, first, "It broke.", "Mend it.")
    with sessions() as session:
        one, two = session.get_one(Run, first), session.get_one(Run, second)
    assert (one.state, one.problem, one.remedy) == ("failed", "It broke.", "Mend it.")
    assert (two.state, two.problem) == ("cancelled", None)
