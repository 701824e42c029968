"""What a query would take is reckoned from what was done here, and what was asked before is found."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.columns import now
from app.jobs.client import NullJobs
from app.models import FactorSet, Model, Query, Run, Scan, TokenizedCorpus
from app.services import queries
from app.services.outlook import outlook
from app.services.shapes import Outlook, QueryForm
from app.settings import Settings
from tests.app.rows import add_catalog, form

Look = Callable[[QueryForm], Outlook]


@pytest.fixture
def look(sessions: sessionmaker[Session], tmp_path: Path) -> Look:
    add_catalog(sessions)
    with sessions() as session:
        cut = {"path": "x", "fingerprint": "f", "length": 64}
        session.add(TokenizedCorpus(corpus="towns", tokenizer_fingerprint="tok", sequences=1_000, tokens=50_000, **cut))
        for model, parameters in (("small", 100_000), ("large", 400_000)):
            row = session.get_one(Model, model)
            row.tokenizer_fingerprint, row.fingerprint, row.non_embedding_parameters = "tok", f"{model} 1", parameters
        session.commit()

    def asked(one: QueryForm) -> Outlook:
        with sessions() as session:
            return outlook(session, Settings(home=tmp_path, prefilter_sequences=200), one)

    return asked


def fitted(sessions: sessionmaker[Session], model: str, fingerprint: str, seconds: dict[str, float]) -> None:
    with sessions() as session:
        made = {"config": {}, "config_digest": fingerprint, "path": "x", "fingerprint": fingerprint, "sequences": 1_000}
        cut = session.query(TokenizedCorpus).one()
        session.add(FactorSet(model=model, model_fingerprint=fingerprint, tokenized=cut.id, seconds=seconds, **made))
        session.commit()


def scanned(sessions: sessionmaker[Session], model: str, sequences: int, scanning: float) -> None:
    with sessions() as session:
        cut = session.query(TokenizedCorpus).one()
        session.add(
            Scan(
                id=f"{model}-{scanning}",
                model=model,
                corpus="towns",
                scope="everything",
                settings={},
                run_ids=["a", "b"],
                keep=5,
                tokenized=cut.id,
                sequences=sequences,
                seconds={"loading": 1.0, "preparing": 4.0, "scanning": scanning},
                finished_at=now() - timedelta(seconds=5),
            )
        )
        session.commit()


def test_where_nothing_was_done_nothing_is_known(look: Look) -> None:
    found = look(form())
    [one] = found.models
    assert (one.sequences, one.seconds, one.basis, one.fits, one.fitting_seconds) == (
        1_000,
        None,
        "nothing",
        True,
        None,
    )
    assert (found.existing, found.seconds, found.waiting) == (None, None, 0)


def test_seconds_are_those_of_earlier_scans_by_tokens_and_a_querys_own_share(
    look: Look, sessions: sessionmaker[Session]
) -> None:
    fitted(sessions, "small", "small 1", {"covariances": 3.0, "eigenvalues": 5.0})
    for scanning in (9.0, 10.0, 30.0):
        scanned(sessions, "small", 500, scanning)
    [one] = look(form()).models
    # 10 s of scanning for half of the sequences, 1 s of loading, and half of the 4 s in which two were prepared.
    assert one.seconds == pytest.approx(20.0 + 1.0 + 2.0)
    assert (one.basis, one.fits) == ("scans", False)
    [narrow] = look(form(scope="lexical")).models
    assert narrow.sequences == 200
    assert narrow.seconds == pytest.approx(4.0 + 1.0 + 2.0)


def test_a_fitted_model_that_never_scanned_is_reckoned_from_its_fit(
    look: Look, sessions: sessionmaker[Session]
) -> None:
    fitted(sessions, "small", "small 1", {"covariances": 3.0, "eigenvalues": 5.0})
    [one] = look(form()).models
    assert (one.basis, one.seconds, one.fits) == ("fit", pytest.approx(5.0), False)


def test_a_model_that_was_never_fitted_is_reckoned_by_size_from_another(
    look: Look, sessions: sessionmaker[Session]
) -> None:
    fitted(sessions, "small", "small 1", {"covariances": 3.0, "eigenvalues": 5.0})
    [one] = look(form(models=["large"])).models
    assert (one.basis, one.fits) == ("other models", True)
    assert one.seconds == pytest.approx(4 * 5.0)
    assert one.fitting_seconds == pytest.approx(4 * 8.0)


def test_factors_of_other_weights_are_fitted_anew(look: Look, sessions: sessionmaker[Session]) -> None:
    fitted(sessions, "small", "small 0", {"covariances": 3.0, "eigenvalues": 5.0})
    [one] = look(form()).models
    assert (one.fits, one.fitting_seconds) == (True, pytest.approx(8.0))


def test_a_query_that_is_there_is_found_with_the_models_that_answered(
    look: Look, sessions: sessionmaker[Session]
) -> None:
    with sessions() as session:
        asked = queries.submit(session, NullJobs(), form())
        [run] = session.get_one(Query, asked.id).runs
        run_id = run.id
    found = look(form(models=["small", "large"]))
    assert (found.existing, found.url, found.near) == (asked.id, f"/queries/{asked.id}", [])
    assert [one.answered for one in found.models] == [run_id, None]
    other = look(form(settings={"damping": 0.01}))
    assert (other.existing, other.models[0].answered) == (asked.id, None)


@pytest.mark.parametrize(
    ("changed", "alike"),
    [
        ({"keep": 9}, True),
        ({"scope": "lexical"}, True),
        ({"prompt": "  the MILL  of town 7"}, True),
        ({"prompt": "The mill of town 7 was"}, False),
    ],
    ids=["kept", "scope", "spaces and capitals", "a word more"],
)
def test_nearly_the_same_question_is_told(
    look: Look, sessions: sessionmaker[Session], changed: dict[str, object], alike: bool
) -> None:
    with sessions() as session:
        asked = queries.submit(session, NullJobs(), form("The mill of town 7", "opened"))
        queries.submit(session, NullJobs(), form("Something else entirely", "opened"))
    given: dict[str, object] = {"prompt": "The mill of town 7", "completion": "opened", **changed}
    found = look(form(**given))
    assert [(one.id, one.alike) for one in found.near] == [(asked.id, alike)]


def test_the_line_counts_a_scan_once_however_many_share_it(look: Look, sessions: sessionmaker[Session]) -> None:
    fitted(sessions, "small", "small 1", {"eigenvalues": 5.0})
    with sessions() as session:
        for number in range(3):
            queries.submit(session, NullJobs(), form(f"The mill {number} stands"))
        other = queries.submit(session, NullJobs(), form("The mill stands", models=["large"]))
        run = session.get_one(Query, other.id).runs[0].id
        row = session.get_one(Run, run)
        row.state, row.seconds_left = "running", 7.0
        session.commit()
    found = look(form())
    assert (found.waiting, found.waiting_seconds) == (4, pytest.approx(5.0 + 7.0))
    assert found.seconds == pytest.approx(12.0 + 5.0)


@pytest.mark.parametrize("changed", [{"prompt": ""}, {"completion": ""}, {"models": []}, {"corpus": "none"}])
def test_an_unfinished_form_is_no_error(look: Look, changed: dict[str, object]) -> None:
    assert look(form(**changed)).existing is None
