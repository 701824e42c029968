"""Where in the network the heaviest act: sums and shares against the rows themselves."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.services import layers, results
from app.services.errors import Conflict
from tests.app.rows import LAYERS, N, add_catalog, answer, submit

POSITIVE = {7: 9.0, 3: 6.0, 12: 1.5}
NEGATIVE = {5: -4.0}


@pytest.fixture
def run(sessions: sessionmaker[Session]) -> str:
    add_catalog(sessions)
    [run] = submit(sessions)
    with sessions() as session:
        assert results.record(session, answer(run, POSITIVE, NEGATIVE))
    return run


def test_sums_and_shares_are_those_of_the_first_rows(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        found = layers.layers(session, run, 2)
        rows = results.influences(session, run, "positive", 0, 2).rows
    table = np.array([row.layer_influences for row in rows]) / N
    assert found.layers == list(LAYERS)
    assert found.positive.sequences == 2
    np.testing.assert_allclose(found.positive.layers, table.sum(0))
    np.testing.assert_allclose(found.positive.shares, np.abs(table).sum(0) / np.abs(table).sum())
    assert [row.sequence_id for row in found.positive.rows] == [7, 3]
    np.testing.assert_allclose([row.layers for row in found.positive.rows], table)
    for row in found.positive.rows:
        assert sum(row.layers) == pytest.approx(row.influence, abs=1e-6)


def test_all_kept_are_told_by_default_and_thirds_add_up(sessions: sessionmaker[Session], run: str) -> None:
    with sessions() as session:
        found = layers.layers(session, run)
        profile = results.run(session, run).layer_profile
    assert (found.positive.sequences, found.negative.sequences) == (3, 1)
    assert profile is not None
    np.testing.assert_allclose(found.positive.layers, profile.positive, rtol=1e-6)
    for sign in (found.positive, found.negative):
        assert sum(third.share for third in sign.thirds) == pytest.approx(1)
        assert sum(third.influence for third in sign.thirds) == pytest.approx(sum(sign.layers))
        assert [name for third in sign.thirds for name in third.layers] == found.layers


@pytest.mark.parametrize(
    ("many", "sizes"), [(1, []), (2, []), (3, [1, 1, 1]), (4, [1, 2, 1]), (5, [2, 1, 2]), (48, [16, 16, 16])]
)
def test_thirds_part_the_layers_as_evenly_as_they_can(many: int, sizes: list[int]) -> None:
    assert [stop - start for start, stop in layers.thirds(many)] == sizes


def test_a_list_without_rows_has_no_shares(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)
    [run] = submit(sessions)
    with sessions() as session:
        assert results.record(session, replace(answer(run, POSITIVE, NEGATIVE), negative=[]))
        found = layers.layers(session, run).negative
    assert (found.sequences, found.rows) == (0, [])
    assert found.shares == found.layers == [0.0] * len(LAYERS)


def test_a_run_that_is_not_done_has_no_layers(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)
    [run] = submit(sessions)
    with sessions() as session, pytest.raises(Conflict):
        layers.layers(session, run)
