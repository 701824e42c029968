"""The unit that influence is shown in: nats per added copy where N is known, else raw, and never by another number."""

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.database import writing
from app.models import FactorSet, Model, Run, Scan, TokenizedCorpus
from app.services import comparison, registry, results, units
from app.services.errors import InvalidInput, NotFound
from tests.app.rows import SUMMARY, N, add_catalog, answer, form, submit

POSITIVE = {7: 9.0, 3: 6.0, 12: 1.5}
NEGATIVE = {5: -4.0, 8: -1.0}
SEQUENCES, TOKENS = 50, 1200


@pytest.fixture
def unknown(sessions: sessionmaker[Session]) -> str:
    """A done run of a model of which nobody knows what it was trained on."""
    add_catalog(sessions)
    [run] = submit(sessions)
    record(sessions, run, None)
    return run


def record(sessions: sessionmaker[Session], run: str, n: int | None) -> None:
    found = answer(run, POSITIVE, NEGATIVE)
    with sessions() as session:
        assert results.record(session, replace(found, made=replace(found.made, training_sequences=n)))


def cut(sessions: sessionmaker[Session]) -> None:
    """The corpus as the model's tokenizer cut it when the run was made."""
    with writing(sessions) as session:
        session.add(
            TokenizedCorpus(
                corpus="towns", tokenizer_fingerprint="t", length=96, path="x", sequences=SEQUENCES, tokens=TOKENS,
                fingerprint="c" * 8,
            )
        )  # fmt: skip


@pytest.mark.parametrize(
    ("trained_on", "tokens", "expected"),
    [
        ("towns", None, SEQUENCES),
        ("towns", 10**12, SEQUENCES),
        ("others", 2 * 10**12, 83_333_333_333),
        (None, 2_400, 100),
        (None, 1, 1),
        ("others", None, None),
        (None, None, None),
    ],
)
def test_n_is_that_of_the_training_data_or_unknown(
    trained_on: str | None, tokens: int | None, expected: int | None
) -> None:
    model = Model(name="m", source="x", corpus=trained_on, training_tokens=tokens)
    assert units.training_sequences(model, "towns", SEQUENCES, TOKENS) == expected


def test_nothing_is_divided_where_n_is_not_known(sessions: sessionmaker[Session], unknown: str) -> None:
    with sessions() as session:
        page = results.influences(session, unknown, "positive")
        detail = results.influence(session, unknown, 7)
        found = results.run(session, unknown)
    assert (page.training_sequences, page.unit) == (None, "raw")
    assert [(row.influence, row.nats_per_copy) for row in page.rows] == [(one, None) for one in POSITIVE.values()]
    assert (detail.training_sequences, detail.unit, detail.nats_per_copy) == (None, "raw", None)
    assert found.unit == "raw"
    assert found.provenance.training_sequences is None
    assert found.distribution is not None
    assert found.distribution.mean == SUMMARY["mean"]
    assert found.distribution.histogram.edges == SUMMARY["histogram"]["edges"]
    assert found.layer_profile is not None
    assert sum(found.layer_profile.positive) == pytest.approx(sum(POSITIVE.values()), abs=1e-4)


def test_values_are_told_relative_to_the_heaviest_of_their_sign(sessions: sessionmaker[Session], unknown: str) -> None:
    with sessions() as session:
        assert [row.relative for row in results.influences(session, unknown, "positive").rows] == [1, 6 / 9, 1.5 / 9]
        assert [row.relative for row in results.influences(session, unknown, "negative").rows] == [-1, -0.25]
        later = results.influences(session, unknown, "positive", offset=2).rows
        assert [row.relative for row in later] == [1.5 / 9]
        assert results.influence(session, unknown, 8).relative == -0.25


def test_a_list_of_zeros_has_no_heaviest_to_be_relative_to() -> None:
    assert units.relative(0.0, 0.0) == 0.0
    assert units.relative(0.0, None) == 0.0


def test_a_comparison_keeps_each_runs_own_unit(sessions: sessionmaker[Session], unknown: str) -> None:
    [other] = submit(sessions, form(models=["large"]))
    record(sessions, other, N)
    with sessions() as session:
        found = comparison.compare(session, [unknown, other])
    assert [(run.training_sequences, run.unit) for run in found.runs] == [(None, "raw"), (N, "nats_per_copy")]
    first = found.sequences[0]
    assert first.influences == [9.0, 9.0]
    assert first.nats_per_copy == [None, 9.0 / N]
    assert first.relative == [1.0, 1.0]


def test_saying_what_a_model_was_trained_on_gives_n_to_runs_that_had_none(
    sessions: sessionmaker[Session], unknown: str
) -> None:
    cut(sessions)
    [known] = submit(sessions, form(completion="closed"))
    record(sessions, known, N)
    with sessions() as session:
        assert registry.set_training_tokens(session, "small", 2_400) == 1
    with sessions() as session:
        assert session.get_one(Run, unknown).training_sequences == 100
        assert results.influences(session, unknown, "positive").rows[0].nats_per_copy == 0.09
        assert session.get_one(Run, known).training_sequences == N


def test_a_run_over_a_corpus_that_is_cut_otherwise_now_stays_without_n(
    sessions: sessionmaker[Session], unknown: str
) -> None:
    with sessions() as session:
        assert registry.set_training_tokens(session, "small", 2_400) == 0
        assert session.get_one(Run, unknown).training_sequences is None


def test_training_tokens_of_nobody_or_of_no_number_are_refused(sessions: sessionmaker[Session]) -> None:
    add_catalog(sessions)
    with sessions() as session:
        with pytest.raises(NotFound, match="no model named 'nobody'"):
            registry.set_training_tokens(session, "nobody", 5)
        with pytest.raises(InvalidInput, match="no number of training tokens"):
            registry.set_training_tokens(session, "small", 0)


def test_the_provenance_says_how_many_sequences_the_factors_were_fitted_on(
    sessions: sessionmaker[Session], unknown: str
) -> None:
    with sessions() as session:
        assert results.run(session, unknown).provenance.factors_sequences is None
    cut(sessions)
    with writing(sessions) as session:
        session.add(
            FactorSet(
                model="small", model_fingerprint="m" * 8, tokenized=1, config={}, config_digest="c", path="p",
                fingerprint="f" * 8, sequences=31,
            )
        )  # fmt: skip
    with sessions() as session:
        assert results.run(session, unknown).provenance.factors_sequences == 31


def test_how_many_sequences_the_corpus_had_is_never_taken_from_n(sessions: sessionmaker[Session], unknown: str) -> None:
    with sessions() as session:
        assert results.run(session, unknown).provenance.corpus_sequences is None
    with writing(sessions) as session:
        session.add(
            Scan(
                id="scan", model="small", corpus="towns", scope="lexical", settings={}, run_ids=[unknown], keep=5,
                corpus_sequences=77,
            )
        )  # fmt: skip
        session.flush()
        session.get_one(Run, unknown).scan_id = "scan"
    with sessions() as session:
        assert results.influences(session, unknown, "positive").corpus_sequences == 77


@pytest.mark.parametrize(
    ("values", "log_p", "against", "told"),
    [
        ([8.9, 5.4, 5.2, None], -5.32, None, "2 values here are larger than 5.32 nats"),
        ([8.9], -5.32, None, "1 value here is larger than 5.32 nats"),
        ([5.2, -9.0], -5.32, None, ""),
        ([None], -5.32, None, ""),
        ([8.9], None, None, ""),
        ([8.9], -5.32, -1.0, ""),
    ],
)
def test_what_log_p_cannot_rise_by_is_said(
    values: list[float | None], log_p: float | None, against: float | None, told: str
) -> None:
    said = units.beyond_reach(values, log_p, against)
    assert said.startswith(told)
    assert bool(said) == bool(told)
