"""Progress: few writes, honest remaining time, and the place where a cancellation is noticed."""

import pytest
from sqlalchemy import update

from app.database import writing
from app.models import Run
from app.worker.progress import EVERY_SECONDS, Pace, ScanReport, Throttle, shifted
from app.worker.stopping import Stopped
from engine import Progress
from tests.app.worker.world import World


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [100.0]
    monkeypatch.setattr("app.worker.progress.time.monotonic", lambda: moment[0])
    return moment


def test_a_stage_is_told_at_most_four_times_a_second(clock: list[float]) -> None:
    throttle = Throttle()
    told = []
    for step in range(1000):
        clock[0] = 100.0 + step / 100
        told += [step] if throttle.passes("scanning", step, 2000) else []
    assert len(told) <= 10 / EVERY_SECONDS + 1


@pytest.mark.usefixtures("clock")
def test_the_first_and_the_last_report_of_a_stage_are_told() -> None:
    throttle = Throttle()
    assert throttle.passes("scanning", 0, 10)
    assert not throttle.passes("scanning", 5, 10)
    assert throttle.passes("scanning", 10, 10)
    assert throttle.passes("rescoring", 0, 10)


def test_remaining_time_follows_the_pace_of_this_stage(clock: list[float]) -> None:
    pace = Pace()
    assert pace.seconds_left("scanning", 100, 400) is None
    clock[0] += 10
    assert pace.seconds_left("scanning", 200, 400) == pytest.approx(20.0)
    assert pace.seconds_left("rescoring", 0, 5) is None


def test_a_report_grows_the_version_of_every_run_of_the_scan(world: World) -> None:
    [first], [second] = world.ask(), world.ask("closed")
    world.work.prepare("tiny")
    world.work.claim(first, 1, first)
    before = world.run(first).version, world.run(second).version
    ScanReport(world.sessions, first)(Progress("covariances", 3, 9))
    for run, version in zip((first, second), before, strict=True):
        row = world.run(run)
        assert (row.stage, row.done, row.total, row.version) == ("fitting", 3, 9, version + 1)


def test_a_report_stops_the_work_once_no_run_is_wanted(world: World) -> None:
    [run] = world.ask()
    world.work.claim(run, 1, run)
    report = ScanReport(world.sessions, run)
    report(Progress("scanning", 1, 9))
    with writing(world.sessions) as session:
        session.execute(update(Run).values(state="cancelled"))
    with pytest.raises(Stopped):
        report(Progress("scanning", 9, 9))


def test_parts_of_a_stage_are_told_as_one() -> None:
    told: list[Progress] = []
    shifted(told.append, 10, 30)(Progress("rescoring", 5, 10))
    assert told == [Progress("rescoring", 15, 30)]
