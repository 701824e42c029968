"""A job that kills every worker is given up, and says so; a check whose worker was killed is made by the next."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from app.columns import now
from app.database import writing
from app.jobs.client import JobsClient
from app.models import Check, Run
from app.settings import Settings
from tests.app.processes import PATIENCE_SECONDS, ROOT, environment
from tests.app.rows import add_catalog, submit

# A worker without a device: it claims as the real one does, and dies where the real one would load the model.
DEADLY = """
import os, sys, time
from app.database import session_factory
from app.jobs.runtime import Runtime
from app.models import Run
from app.settings import Settings
from app.worker import scans

settings = Settings()
sessions = session_factory(settings)

class Deadly:
    def claim(self, run_id, attempt, scan_id):
        return scans.claim(sessions, run_id, attempt, scan_id, 1e9)
    def plan(self, scan_id):
        os._exit(9)

Runtime(settings, sessions, "deadly", Deadly()).start()
run = sys.argv[1]
for _ in range(1200):
    time.sleep(0.05)
    with sessions() as session:
        if session.get(Run, run).state == "failed":
            os._exit(0)
os._exit(1)
"""

KILLED = 9


def test_a_run_that_kills_its_worker_every_time_fails_after_a_few(
    settings: Settings, open_sessions: Callable[[Settings], sessionmaker[Session]]
) -> None:
    sessions = open_sessions(settings)
    add_catalog(sessions)
    jobs = JobsClient(settings)
    [run] = submit(sessions, jobs=jobs)
    jobs.close()
    with writing(sessions) as session:
        # Old enough for the sweep to look at.
        session.execute(update(Run).values(queued_at=now() - timedelta(minutes=5)))
    codes = []
    while (not codes or codes[-1] == KILLED) and len(codes) < 8:
        found = subprocess.run(
            [sys.executable, "-c", DEADLY, run],
            env=environment(settings),
            cwd=ROOT,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        codes.append(found.returncode)
    assert codes == [KILLED] * 4 + [0]
    with sessions() as session:
        row = session.get_one(Run, run)
    assert row.state == "failed"
    assert "died" in (row.problem or "")
    assert row.remedy


# A worker that dies in the middle of a check, unless told to finish it.
CHECKING = """
import os, sys, time
from sqlalchemy import update
from app.database import session_factory, writing
from app.jobs.runtime import Runtime
from app.models import Check
from app.settings import Settings

settings = Settings()
sessions = session_factory(settings)
key, finish = sys.argv[1], sys.argv[2] == "finish"

class Checking:
    def check(self, check_id, attempt):
        with writing(sessions) as session:
            session.execute(update(Check).where(Check.id == check_id).values(state="done" if finish else "running"))
        if not finish:
            os._exit(9)

Runtime(settings, sessions, "checking", Checking()).start()
for _ in range(1200):
    time.sleep(0.05)
    with sessions() as session:
        if session.get(Check, key).state == "done":
            os._exit(0)
os._exit(1)
"""


def test_a_check_whose_worker_was_killed_is_made_by_the_next(
    settings: Settings, open_sessions: Callable[[Settings], sessionmaker[Session]]
) -> None:
    sessions = open_sessions(settings)
    add_catalog(sessions)
    jobs = JobsClient(settings)
    [run] = submit(sessions)
    with writing(sessions) as session:
        session.add(Check(id="c", run_id=run, sequence_id=3, kind="one_step"))
    jobs.enqueue_check("c")
    jobs.close()
    codes = []
    for way in ("die", "finish"):
        command = [sys.executable, "-c", CHECKING, "c", way]
        codes.append(
            subprocess.run(
                command, env=environment(settings), cwd=ROOT, timeout=PATIENCE_SECONDS, check=False
            ).returncode
        )
    assert codes == [KILLED, 0]
    with sessions() as session:
        assert session.get_one(Check, "c").state == "done"
