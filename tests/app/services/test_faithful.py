"""How checks are taken together: statistics against scipy, and a choice of sequences that is spread and repeatable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sqlalchemy.orm import Session

from app.database import migrate, session_factory
from app.jobs.client import NullJobs
from app.models import Check, Influence, Query, Run
from app.services import faithful
from app.services.errors import InvalidInput, NotFound
from app.settings import Settings
from tests.web.filling import fill

SIZES = st.floats(-1e3, 1e3, allow_nan=False).filter(lambda value: abs(value) > 1e-3)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Session:
    settings = Settings(home=tmp_path_factory.mktemp("faithful"))
    migrate(settings)
    session = session_factory(settings)()
    fill(session)
    return session


@given(st.lists(st.tuples(SIZES, SIZES), min_size=3, max_size=30))
def test_the_correlations_are_scipys(pairs: list[tuple[float, float]]) -> None:
    found = faithful.agreement(pairs, [str(place) for place in range(len(pairs))])
    x, y = zip(*pairs, strict=True)
    if np.std(x) > 1e-6 and np.std(y) > 1e-6:
        assert found["pearson"] == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-6)
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert found["spearman"] == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)


def test_the_interval_of_the_correlation_is_that_of_a_plain_bootstrap() -> None:
    chance = np.random.default_rng(5)
    x = chance.normal(size=40)
    pairs = [(float(a), float(a + b)) for a, b in zip(x, chance.normal(size=40), strict=True)]
    low, high = faithful.agreement(pairs, [str(place) for place in range(40)])["pearson_interval"]  # type: ignore[misc]
    oracle = stats.bootstrap(
        tuple(np.array(pairs).T),
        lambda a, b: stats.pearsonr(a, b).statistic,
        paired=True,
        method="percentile",
        n_resamples=2_000,
        vectorized=False,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert low == pytest.approx(oracle.low, abs=0.04)
    assert high == pytest.approx(oracle.high, abs=0.03)


def test_pairs_of_one_check_are_drawn_together_so_that_repeating_them_narrows_nothing() -> None:
    chance = np.random.default_rng(7)
    pairs = [(float(a), float(a + b)) for a, b in zip(chance.normal(size=15), chance.normal(size=15), strict=True)]
    names = [str(place) for place in range(15)]
    once = faithful.agreement(pairs, names)
    twice = faithful.agreement([*pairs, *[(-a, -b) for a, b in pairs]], [*names, *names])
    low, high = once["pearson_interval"]  # type: ignore[misc]
    low2, high2 = twice["pearson_interval"]  # type: ignore[misc]
    assert high2 - low2 > 0.75 * (high - low)


def test_the_same_checks_tell_the_same_interval() -> None:
    pairs = [(1.0, 2.0), (2.0, 1.5), (-1.0, -0.3), (0.5, 0.9)]
    assert faithful.agreement(pairs, list("abcd")) == faithful.agreement(pairs, list("abcd"))


@pytest.mark.parametrize(("share", "of"), [(0.0, 3), (1.0, 12), (0.75, 40), (0.5, 2)])
def test_the_interval_of_a_share_is_wilsons(share: float, of: int) -> None:
    oracle = stats.binomtest(round(share * of), of).proportion_ci(0.95, method="wilson")
    assert faithful.wilson(share, of) == pytest.approx((oracle.low, oracle.high), abs=1e-6)


def test_few_pairs_have_no_correlation_and_none_no_share() -> None:
    assert faithful.agreement([(1.0, 1.0), (2.0, 2.0)], ["a", "b"])["pearson"] is None
    assert faithful.agreement([(1.0, 1.0)] * 4, ["a", "a", "b", "b"])["pearson"] is None
    empty = faithful.agreement([], [])
    assert (empty["same_sign"], empty["same_sign_interval"], empty["ratio"]) == (0, None, None)


def test_values_that_do_not_vary_have_no_correlation() -> None:
    found = faithful.agreement([(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)], list("abc"))
    assert (found["pearson"], found["pearson_interval"]) == (None, None)


@given(st.integers(1, 500))
def test_ranks_begin_with_the_first_and_spread_to_the_last(length: int) -> None:
    ranks = [faithful.spread_rank(turn, length) for turn in range(64)]
    assert ranks[0] == 1
    assert all(1 <= rank <= length for rank in ranks)
    assert max(ranks) >= 0.8 * length


def test_the_choice_is_spread_over_queries_signs_and_ranks_and_grows_with_the_count(filled: Session) -> None:
    few, many = faithful.choose(filled, "large", 6), faithful.choose(filled, "large", 24)
    assert many[:6] == few
    assert len(set(many)) == 24
    assert len({run for run, _ in many}) >= 7
    rows = [
        filled.query(Influence).filter_by(run_id=run, sequence_id=sequence).order_by(Influence.rank).first()
        for run, sequence in many
    ]
    assert {row.sign for row in rows if row} == {"positive", "negative"}
    assert len({row.rank for row in rows if row}) > 1
    scopes = {filled.get_one(Query, filled.get_one(Run, run).query_id).scope for run, _ in many}
    assert scopes == {"everything"}
    assert filled.get_one(Query, filled.get_one(Run, many[0][0]).query_id).curated


def test_asking_twice_adds_nothing_and_each_check_is_queued_behind_people(filled: Session) -> None:
    jobs = NullJobs()
    first = faithful.ask(filled, jobs, "medium", 5)
    again = faithful.ask(filled, jobs, "medium", 5)
    assert [one.id for one in again] == [one.id for one in first]
    assert filled.query(Check).count() == 5
    assert faithful.of_model(filled, "medium").waiting == 5


def test_what_cannot_be_checked_is_told(filled: Session) -> None:
    with pytest.raises(NotFound, match="'huge'"):
        faithful.ask(filled, NullJobs(), "huge", 3)
    with pytest.raises(InvalidInput, match="1000 checks"):
        faithful.ask(filled, NullJobs(), "small", 1_000)


def test_finished_checks_are_summed_up_and_unconverged_ones_left_out(filled: Session) -> None:
    checks = faithful.ask(filled, NullJobs(), "small", 4)
    moves = [
        (0.02, 0.018, "holds"),
        (0.01, 0.002, "size differs"),
        (-0.03, 0.01, "sign differs"),
        (0.5, 0.1, "not converged"),
    ]
    for check, (predicted, measured, verdict) in zip(checks, moves, strict=True):
        moved = {"predicted": predicted, "measured": measured, "iterations": 3, "residual": 0.01, "verdict": verdict}
        row = filled.get_one(Check, check.id)
        row.state = "done"
        row.result = {
            "added": moved,
            "removed": None,
            "weight": 1 / 4_012,
            "training_sequences": 4_012,
            "corpus_sequences": 4_012,
            "averaged_over": 256,
            "certain": 1,
            "settled": 0.05,
            "iterations": 100,
            "damping": "0.1 x the mean corrected eigenvalue of each module",
        }
    filled.commit()
    found = faithful.of_model(filled, "small")
    assert (found.checks, found.not_converged, len(found.pairs)) == (4, 1, 3)
    assert (found.same_sign, found.holds) == (2, 1)
    assert found.ratio == pytest.approx((0.9 + 0.2) / 2)
    assert found.pearson == pytest.approx(stats.pearsonr([0.02, 0.01, -0.03], [0.018, 0.002, 0.01]).statistic)
