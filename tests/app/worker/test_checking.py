"""Checks made by a worker: their numbers are the engine's own, they survive death, and end on their row."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.database import writing
from app.models import Check, Run
from app.services import checks, surroundings
from app.services.errors import Conflict, NotFound
from app.worker.check_sample import CERTAIN_SHARE
from app.worker.checking import TOLERANCE, Checking, Subject
from app.worker.progress import Report
from app.worker.stopping import Stopped
from app.worker.tools import silent
from engine import Progress, RelativeDamping, ScoreConfig, Sequence, prepare
from engine.pipeline.counterfactual import CounterfactualConfig, counterfactual, one_step
from engine.pipeline.erasure import erasure, zeroed_embeddings
from tests.app.worker.world import World

FEW = 6


@pytest.fixture
def answered(world: World) -> tuple[World, str, int]:
    """A world with an answered run, and its heaviest sequence."""
    (run,) = world.ask()
    world.answer(run)
    return world, run, world.rows(run)[0].sequence_id


def made(world: World, run: str, sequence_id: int, kind: str) -> checks.CheckView:
    with world.sessions() as session:
        asked = checks.ask(session, world.jobs, run, sequence_id, kind)  # type: ignore[arg-type]
    world.work.check(asked.id, 1)
    with world.sessions() as session:
        return checks.get(session, asked.id)


def subject(world: World, run: str, sequence_id: int) -> Subject:
    return Checking(world.work._preparation).subject(run, sequence_id, silent)


def test_a_counterfactual_check_holds_what_the_engine_finds(
    answered: tuple[World, str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.checking.ITERATIONS", FEW)
    world, run, place = answered
    found = made(world, run, place, "counterfactual")
    assert found.state == "done"
    assert found.counterfactual is not None
    of = subject(world, run, place)
    # Forty sequences are fewer than a sample holds, so all of them count alike.
    corpus = list(of.ready.sequences)
    for copies, moved in ((1, found.counterfactual.added), (-1, found.counterfactual.removed)):
        config = CounterfactualConfig(copies, FEW, TOLERANCE, RelativeDamping(0.1))
        own = counterfactual(
            of.ready.model, of.ready.factors, [of.asked], Sequence(corpus[place].ids), corpus, len(corpus), config
        )
        assert moved is not None
        assert (moved.predicted, moved.measured) == pytest.approx((own.predicted[0], own.measured[0]), rel=1e-4)
        assert moved.residual == pytest.approx(own.residual, rel=1e-3)
    # What is predicted is the influence that the list shows, for a copy added and for one taken away.
    shown = world.rows(run)[0]
    assert shown.nats_per_copy is not None
    assert found.counterfactual.added.predicted == pytest.approx(shown.nats_per_copy, rel=1e-3)
    assert found.counterfactual.removed is not None
    assert found.counterfactual.removed.predicted == pytest.approx(-shown.nats_per_copy, rel=1e-3)
    assert found.counterfactual.training_sequences == len(corpus)


def test_one_step_and_erasure_hold_what_the_engine_finds(answered: tuple[World, str, int]) -> None:
    world, run, place = answered
    of = subject(world, run, place)
    step = made(world, run, place, "one_step").one_step
    assert step is not None
    assert step.measured == pytest.approx(one_step(of.ready.model, [of.asked], of.sequence)[0], rel=1e-4)
    erased = made(world, run, place, "erasure").erasure
    assert erased is not None
    prepared = prepare(of.ready.model, of.ready.factors, [of.asked], ScoreConfig(damping=RelativeDamping(0.1)))
    views = erasure(of.ready.model, prepared, of.sequence)
    assert erased.output == pytest.approx(views.output.tolist(), rel=1e-3, abs=1e-6)
    assert erased.input == pytest.approx(views.input.tolist(), rel=1e-3, abs=1e-6)
    zeroed = zeroed_embeddings(of.ready.model, prepared, of.sequence)
    assert erased.zeroed == pytest.approx(zeroed.tolist(), rel=1e-3, abs=1e-6)
    # By the token predicted, the score is split without a rest.
    assert sum(erased.output) == pytest.approx(world.rows(run)[0].influence, rel=5e-3)


def test_a_check_is_made_once_and_found_again(answered: tuple[World, str, int]) -> None:
    world, run, place = answered
    first = made(world, run, place, "one_step")
    with world.sessions() as session:
        again = checks.ask(session, world.jobs, run, place, "one_step")
        other = checks.ask(session, world.jobs, run, place, "erasure")
    assert again == first
    assert other.id != first.id
    assert [asked for asked in world.jobs.asked if asked[0] == "check"] == [
        ("check", first.id, 1),
        ("check", other.id, 1),
    ]
    # A job that comes twice, after a crash, does nothing the second time.
    world.work.check(first.id, 1)
    with world.sessions() as session:
        assert checks.get(session, first.id) == first


def test_a_check_that_a_worker_left_in_the_middle_is_taken_up_again(answered: tuple[World, str, int]) -> None:
    world, run, place = answered
    with world.sessions() as session:
        asked = checks.ask(session, world.jobs, run, place, "one_step")
    with writing(world.sessions) as session:
        session.get_one(Check, asked.id).state = "running"
    world.work.check(asked.id, 1)
    with world.sessions() as session:
        assert checks.get(session, asked.id).state == "done"


def test_a_cancelled_check_stops_at_the_next_report_and_may_be_tried_again(
    answered: tuple[World, str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, run, place = answered
    with world.sessions() as session:
        asked = checks.ask(session, world.jobs, run, place, "one_step")

    def cancelled_meanwhile(_self: Checking, _of: Subject, report: Report) -> None:
        with world.sessions() as session:
            checks.cancel(session, world.jobs, asked.id)
        with pytest.raises(Stopped):
            report(Progress("measuring", 0, 1))
        raise Stopped("not wanted")

    with monkeypatch.context() as patch:
        patch.setattr(Checking, "_one_step", cancelled_meanwhile)
        world.work.check(asked.id, 1)
    with world.sessions() as session:
        assert checks.get(session, asked.id).state == "cancelled"
        with pytest.raises(Conflict, match="is cancelled already"):
            checks.cancel(session, world.jobs, asked.id)
        checks.retry(session, world.jobs, asked.id)
        with pytest.raises(Conflict, match="is queued"):
            checks.retry(session, world.jobs, asked.id)
    # The first attempt's job comes too late.
    world.work.check(asked.id, 1)
    world.work.check(asked.id, 2)
    with world.sessions() as session:
        assert checks.get(session, asked.id).state == "done"


def test_checks_are_kept_and_listed_on_both_databases(both_worlds: World) -> None:
    world = both_worlds
    (run,) = world.ask()
    world.answer(run)
    first, second = (row.sequence_id for row in world.rows(run)[:2])
    done = made(world, run, first, "one_step")
    with world.sessions() as session:
        waiting = checks.ask(session, world.jobs, run, second, "one_step")
        assert checks.of_model(session, "tiny") == []
        assert {one.id: one.state for one in checks.of_model(session, "tiny", "one_step")} == {
            done.id: "done",
            waiting.id: "queued",
        }
        assert [one.id for one in checks.unfinished(session)] == [waiting.id]
        assert [one.pieces for one in surroundings.of_sequence(session, world.home, run, first).documents] == [1]


def test_what_cannot_be_checked_says_why(answered: tuple[World, str, int]) -> None:
    world, run, place = answered
    with world.sessions() as session, pytest.raises(NotFound, match="keeps no sequence 39000"):
        checks.ask(session, world.jobs, run, 39_000, "erasure")
    with writing(world.sessions) as session:
        session.get_one(Run, run).factors_fingerprint = "of another fit"
    found = made(world, run, place, "counterfactual")
    assert found.state == "failed"
    assert found.error is not None
    assert "were fitted anew" in found.error.problem
    assert "Ask the query again" in found.error.remedy


def test_checks_go_with_the_answer_that_they_were_of(answered: tuple[World, str, int]) -> None:
    world, run, place = answered
    made(world, run, place, "one_step")
    with writing(world.sessions) as session:
        row = session.get_one(Run, run)
        row.state, row.scan_id, row.attempt = "queued", None, 2
    world.answer(run, 2)
    with world.sessions() as session:
        assert checks.of_run_sequence(session, run, place) == []


def test_a_text_that_is_in_no_corpus_can_only_be_added(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.worker.checking.ITERATIONS", 1)
    texts = [{"id": "a", "text": "The mill of town 8 opened."}, {"id": "b", "text": "The school of town 9 burnt."}]
    (run,) = world.ask(scope="candidates", candidates=texts)
    world.answer(run)
    found = made(world, run, 0, "counterfactual").counterfactual
    assert found is not None
    assert found.removed is None


def test_a_sample_weighs_what_pulls_as_the_corpus_does(new_world: Callable[..., World], tiny: Path) -> None:
    world = new_world(check_sequences=20)
    world.corpus()
    world.model("tiny", tiny)
    (run,) = world.ask(keep=9)
    world.answer(run)
    place = world.rows(run)[2].sequence_id
    of = subject(world, run, place)
    sample = Checking(world.work._preparation).sample(of)
    assert len(sample.sequences) == 20
    assert sample.certain == CERTAIN_SHARE * 20
    assert sample.sequences[0] == of.sequence
    assert sum(sample.weights) == pytest.approx(1)
    assert sample.weights[: sample.certain] == [1 / 40] * sample.certain
    # What is drawn stands for all that is not certain, each as much as the other.
    assert sample.weights[sample.certain :] == pytest.approx([(1 - sample.certain / 40) / (20 - sample.certain)] * 15)
    assert len({one.ids for one in sample.sequences}) == 20


def test_where_n_is_unknown_the_weight_is_that_of_one_sequence_of_the_corpus(
    new_world: Callable[..., World], tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.worker.checking.ITERATIONS", 1)
    world = new_world()
    world.corpus()
    world.model("tiny", tiny, corpus=None)
    (run,) = world.ask()
    world.answer(run)
    row = world.rows(run)[0]
    found = made(world, run, row.sequence_id, "counterfactual").counterfactual
    assert found is not None
    assert row.nats_per_copy is None
    assert (found.training_sequences, found.weight) == (None, 1 / 40)
    assert found.added.predicted == pytest.approx(row.influence / 40, rel=1e-3)


@pytest.mark.parametrize(
    ("predicted", "measured", "converged", "expected"),
    [
        (0.02, 0.018, True, "holds"),
        (-0.02, -0.035, True, "holds"),
        (0.02, 0.002, True, "size differs"),
        (0.02, -0.018, True, "sign differs"),
        (0.02, 0.018, False, "not converged"),
        (1e-7, -1e-7, True, "too small"),
        (0.02, 1e-8, True, "size differs"),
        (0.0, 0.3, True, "sign differs"),
    ],
)
def test_a_verdict_says_what_the_numbers_say(predicted: float, measured: float, converged: bool, expected: str) -> None:
    assert checks.verdict(predicted, measured, converged=converged) == expected
