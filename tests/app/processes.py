"""Real processes of the product, started as a person starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.settings import Settings
from tests.app.tiny import lines

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90.0


def environment(settings: Settings, **changed: str) -> dict[str, str]:
    """The settings as a process reads them."""
    given = {f"INFLUENCE_{name.upper()}": str(value) for name, value in settings.model_dump().items() if value}
    return {**os.environ, **given, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **changed}


def command(*words: str) -> list[str]:
    """`influence ...` with this interpreter."""
    return [sys.executable, "-m", "app.cli", *words]


def influence(settings: Settings, *words: str, **changed: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, with some variables of its environment changed."""
    chosen = environment(settings, **changed)
    return subprocess.run(
        command(*words), env=chosen, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def fill(settings: Settings, folder: Path, model: Path, count: int = 30) -> None:
    """A corpus `towns` and a model `tiny` that was trained on it, put in by command."""
    file = folder / "towns.jsonl"
    file.write_text("".join(json.dumps(vars(line)) + "\n" for line in lines(count)))
    assert influence(settings, "corpus", "add", "towns", str(file)).returncode == 0
    assert influence(settings, "model", "add", "tiny", str(model), "--corpus", "towns").returncode == 0


@contextmanager
def started(settings: Settings, *words: str, **changed: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of the product, killed at the end if it still runs."""
    process = subprocess.Popen(command(*words), env=environment(settings, **changed), cwd=settings.home.parent)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(what: str, happened: Callable[[], object]) -> None:
    """Look until it has happened; fails when patience ends."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end, f"waited {PATIENCE_SECONDS:.0f} s in vain for: {what}"
        time.sleep(0.05)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End it as a power cut would."""
    process.send_signal(signal.SIGKILL)
    process.wait()
