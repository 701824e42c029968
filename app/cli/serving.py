"""`influence serve`, `worker` and `up`: the processes of the product."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Annotated

import structlog
import typer

from app.services.errors import Conflict
from app.settings import Settings, get_settings

log = structlog.get_logger("influence")

GRACEFUL_SECONDS = 3
MOST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 20.0


def add_to(cli: typer.Typer) -> None:
    """Put these commands on the command line."""
    cli.command("serve")(serve)
    cli.command("worker")(worker)
    cli.command("up")(up)


def serve() -> None:
    """Serve the pages and the API; a worker answers the queries."""
    serve_until_told(get_settings())


def worker(
    parent: Annotated[int | None, typer.Option(hidden=True, help="end when this process is gone")] = None,
) -> None:
    """Answer queries on this machine's device until told to stop."""
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    from app.worker.process import run_until_told

    run_until_told(get_settings())


def up() -> None:
    """Serve the pages, and run one worker beside them."""
    settings = get_settings()
    keeper = Keeper()
    try:
        serve_until_told(settings, keeper.start)
    finally:
        keeper.stop()


def serve_until_told(settings: Settings, ready: Callable[[], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once the address is known to be free."""
    import uvicorn

    from app.database import migrate
    from app.web.main import create_app

    listening = _listen(settings)
    migrate(settings)
    if ready is not None:
        ready()
    host, port = listening.getsockname()[:2]
    typer.echo(f"Influence Explorer: http://{host}:{port}", err=True)
    config = uvicorn.Config(create_app(settings), log_level="warning", timeout_graceful_shutdown=GRACEFUL_SECONDS)
    # The server raises the signal that ended it once more; by then it has said all it had to say.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _heard)
    uvicorn.Server(config).run(sockets=[listening])


def _heard(_signal: int, _frame: FrameType | None) -> None:
    """The server has ended already."""


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise Conflict(
            f"The address {settings.host}:{settings.port} cannot be used: {error.strerror}.",
            "Choose another with INFLUENCE_PORT or INFLUENCE_HOST, or stop what uses it.",
        ) from error
    return listening


def _end_with(parent: int) -> None:
    # A worker whose keeper was killed would otherwise stay behind, and bar the next one.
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


class Keeper:
    """Keeps one worker process running, and starts it again when it dies."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        """Start the worker."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the worker, and wait until it is gone."""
        self._stop.set()
        if self._process is not None:
            self._process.terminate()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _keep(self) -> None:
        pause = 1.0
        while not self._stop.is_set():
            began = time.monotonic()
            command = [sys.executable, "-m", "app.cli", "worker", "--parent", str(os.getpid())]
            self._process = subprocess.Popen(command)
            if self._stop.is_set():
                self._process.terminate()
            code = self._process.wait()
            if self._stop.is_set():
                return
            pause = 1.0 if time.monotonic() - began > SETTLED_SECONDS else min(2 * pause, MOST_PAUSE_SECONDS)
            log.warning("worker ended, is started again", code=code, pause=pause)
            self._stop.wait(pause)
