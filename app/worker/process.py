"""A worker in this process: name, lock, heartbeat and queue, put together and taken apart."""

import fcntl
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

import structlog

from app.database import migrate, session_factory
from app.jobs.runtime import Runtime
from app.services.errors import Conflict
from app.settings import Settings
from app.worker.device import DeviceWork
from app.worker.heartbeat import Heartbeat
from engine.model.devices import resolve_device

log = structlog.get_logger("influence.worker")


def worker_name(settings: Settings, device: str) -> str:
    """The stable name: the chosen one, or host and device."""
    return settings.worker_name or f"{socket.gethostname()}-{device}"


@contextmanager
def worker(settings: Settings) -> Iterator[DeviceWork]:
    """A worker that takes jobs while the block lasts.

    Raises Conflict when a worker of the same name runs: the two would redo each other's work.
    """
    device = str(resolve_device(settings.device))
    name = worker_name(settings, device)
    with _only_one(settings.home.resolve(), name):
        migrate(settings)
        sessions = session_factory(settings)
        work = DeviceWork(settings, sessions, name)
        heartbeat = Heartbeat(settings, sessions, name, device, lambda: work.busy)
        runtime = Runtime(settings, sessions, name, work)
        heartbeat.start()
        runtime.start()
        log.info("worker ready", name=name, device=device)
        try:
            yield work
        finally:
            runtime.stop()
            heartbeat.stop()


def run_until_told(settings: Settings) -> None:
    """Be a worker until SIGTERM or SIGINT.

    The process then ends at once, whatever runs: every step can be repeated, so an orderly end would only be a
    slower one.
    """
    told = threading.Event()

    def tell(_signal: int, _frame: FrameType | None) -> None:
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    with worker(settings):
        told.wait()
        log.info("worker stops")
        threading.Timer(STOP_SECONDS, os._exit, args=(0,)).start()
    os._exit(0)


STOP_SECONDS = 5.0


@contextmanager
def _only_one(home: Path, name: str) -> Iterator[None]:
    """Hold the name's lock file; the system lets go of it when the process dies, however it dies."""
    folder = home / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".lock")
    with path.open("a+") as file:
        _lock(file, name)
        yield


def _lock(file: IO[str], name: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Conflict(
            f"A worker named {name!r} runs already.",
            "Let it work, or give this one another name with INFLUENCE_WORKER_NAME.",
        ) from error
