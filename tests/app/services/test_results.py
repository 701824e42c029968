"""What was recorded is what is read, whole or not at all."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from app.models import Influence, Run
from app.services import queries, results
from app.services.errors import Conflict, NotFound
from tests.app.rows import LAYERS, SUMMARY, N, add_catalog, answer, form, kept, submit

POSITIVE = {7: 9.0, 3: 6.0, 12: 1.5}
NEGATIVE = {5: -4.0, 8: -2.0}


@pytest.fixture
def run(sessions: sessionmaker[Session]) -> str:
    add_catalog(sessions)
    [run] = submit(sessions)
    with sessions() as session:
        assert results.record(session, answer(run, POSITIVE, NEGATIVE))
    return run


def test_the_rows_come_back_in_rank_order_with_their_terms(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        page = results.influences(session, run, "positive")
    assert [(row.rank, row.sequence_id, row.influence) for row in page.rows] == [(1, 7, 9.0), (2, 3, 6.0), (3, 12, 1.5)]
    assert (page.total, page.training_sequences, page.layers) == (3, N, list(LAYERS))
    for row, (sequence_id, influence) in zip(page.rows, POSITIVE.items(), strict=True):
        expected = kept(sequence_id, influence)
        assert row.nats_per_copy == influence / N
        assert row.token_influences == expected.token.tolist()
        assert row.layer_influences == expected.layer.tolist()
        assert sum(row.token_influences) == pytest.approx(influence, abs=1e-5)
        assert "".join(row.tokens) == row.text


def test_pages_of_rows_join_to_the_whole_list(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        pages = [results.influences(session, run, "positive", offset, 1).rows for offset in range(4)]
    assert [row.sequence_id for page in pages for row in page] == list(POSITIVE)


def test_a_sequence_in_full_has_a_matrix_that_sums_to_both_margins(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        detail = results.influence(session, run, 8)
    matrix = np.array(detail.matrix)
    assert matrix.shape == (len(LAYERS), len(detail.tokens))
    np.testing.assert_allclose(matrix.sum(0), detail.token_influences, atol=1e-5)
    np.testing.assert_allclose(matrix.sum(1), detail.layer_influences, atol=1e-5)
    assert (detail.sign, detail.rank, detail.source) == ("negative", 2, "made")


def test_neighbours_are_those_of_the_ranking(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        found = [results.influence(session, run, i) for i in POSITIVE]
    assert [(one.previous_sequence_id, one.next_sequence_id) for one in found] == [(None, 3), (7, 12), (3, None)]


def test_a_beginning_of_sequence_token_is_shown_by_its_name(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)
    [run] = submit(sessions)
    lead = kept(4, 1.0)
    offsets = np.array([[0, 0], [0, 4], [4, 12]], dtype=np.int32)
    with sessions() as session:
        results.record(session, replace(answer(run, {}), positive=[replace(lead, offsets=offsets)]))
        row = results.influences(session, run, "positive").rows[0]
    assert row.tokens == ["<s>", "The ", "old mill"]


def test_the_summary_is_shown_in_nats_per_added_copy(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        found = results.run(session, run)
    assert found.distribution is not None
    assert found.distribution.mean == SUMMARY["mean"] / N
    assert found.distribution.histogram.edges == [edge / N for edge in SUMMARY["histogram"]["edges"]]
    assert found.distribution.histogram.counts == SUMMARY["histogram"]["counts"]
    assert found.distribution.top_percent_share_positive == SUMMARY["top_percent_share_positive"]


def test_the_layer_profile_sums_the_kept_sequences(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        profile = results.run(session, run).layer_profile
    assert profile is not None
    expected = np.sum([kept(i, value).layer for i, value in POSITIVE.items()], axis=0) / N
    np.testing.assert_allclose(profile.positive, expected, rtol=1e-6)


def test_provenance_gives_the_command_that_computes_the_run_again(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)
    [run] = submit(sessions, form('She said "no"', "and left; $HOME"))
    with sessions() as session:
        command = results.run(session, run).provenance.command
    assert command == (
        "influence query --model small --corpus towns --prompt 'She said \"no\"' "
        "--completion 'and left; $HOME' --keep 5"
    )


@pytest.mark.parametrize("scope", ["lexical", "indexed"])
def test_the_command_names_the_scope(sessions: sessionmaker[Session], scope: str) -> None:
    add_catalog(sessions)
    [run] = submit(sessions, form(scope=scope))
    with sessions() as session:
        provenance = results.run(session, run).provenance
    assert provenance.scope == scope
    assert provenance.command.endswith(f" --keep 5 --scope {scope}")


def test_a_repetition_leads_to_the_sequence_it_repeats(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)
    [run] = submit(sessions)
    repeats = replace(kept(3, 6.0), flags=("duplicate",), duplicate_of=1, overlap=0.25)
    with sessions() as session:
        results.record(session, replace(answer(run, {}), positive=[kept(7, 9.0), repeats]))
        found, first = results.influence(session, run, 3), results.influence(session, run, 7)
    assert (found.flags, found.duplicate_of, found.duplicate_sequence_id, found.overlap) == (["duplicate"], 1, 7, 0.25)
    assert (first.flags, first.duplicate_of, first.duplicate_sequence_id, first.overlap) == ([], None, None, None)


def test_recording_twice_changes_nothing(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        assert not results.record(session, answer(run, {1: 1.0}))
        assert results.influences(session, run, "positive").total == len(POSITIVE)


def test_a_cancelled_run_takes_no_answer(sessions: sessionmaker[Session]) -> None:
    from app.jobs.client import NullJobs

    add_catalog(sessions)
    [run] = submit(sessions)
    with sessions() as session:
        queries.cancel(session, NullJobs(), run.split("-")[0])
        assert not results.record(session, answer(run, POSITIVE))
        assert session.scalar(select(func.count()).select_from(Influence)) == 0


def test_an_answer_that_cannot_be_stored_whole_is_not_stored_at_all(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)
    [run] = submit(sessions)
    broken = replace(kept(2, 1.0), matrix=np.ones(3, np.float32))
    with pytest.raises(Exception, match="2 axes"), sessions() as session:
        results.record(session, replace(answer(run, {}), positive=[kept(1, 2.0), broken]))
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Influence)) == 0
        assert session.get_one(Run, run).state == "queued"


def test_results_of_a_run_that_is_not_done_are_a_conflict(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)
    [run] = submit(sessions)
    with sessions() as session, pytest.raises(Conflict, match="is queued and has no results"):
        results.influences(session, run, "positive")


def test_a_sequence_that_was_not_kept_is_not_found(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        with pytest.raises(NotFound, match="keeps no sequence 99"):
            results.influence(session, run, 99)
        with pytest.raises(NotFound, match="no run 'nothing'"):
            results.run(session, "nothing")
