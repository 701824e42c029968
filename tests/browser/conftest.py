"""A real Chromium on a real server over a filled database; every page is watched for requests that leave."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate, session_factory
from app.settings import Settings
from tests.web.checked import add_checks, add_documents
from tests.web.filling import fill

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Three processes of tests share the cores where they are the gate; what is waited for may come late.
START_SECONDS = 90
PATIENCE_MS = 20_000


@dataclass
class Served:
    """A running server: its address, its database, and the ids of what is in it."""

    home: Path
    port: int
    sessions: sessionmaker[Session]
    ids: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The site's root."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        command = [sys.executable, "-m", "tests.browser.serve", str(self.home), str(self.port)]
        self.process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        wait_until_healthy(self.address, self.process)

    def stop(self) -> None:
        """Ends the server, open streams included."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(START_SECONDS)
            self.process = None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    """Waits until the server answers; a failure that says so when it does not."""
    began = time.monotonic()
    while time.monotonic() - began < START_SECONDS:
        assert process.poll() is None, "the server ended at once"
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"no answer from {address} within {START_SECONDS} s")


@contextmanager
def serving(home: Path, prepare: Callable[[Session], dict[str, str] | None]) -> Iterator[Served]:
    """A server process on a new database that `prepare` fills."""
    settings = Settings(home=home)
    migrate(settings)
    sessions = session_factory(settings)
    with sessions() as session:
        ids = prepare(session) or {}
    served = Served(home, free_port(), sessions, ids)
    try:
        served.start()
        yield served
    finally:
        served.stop()
        sessions.kw["bind"].dispose()


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with models, and queries in every state."""
    with serving(tmp_path_factory.mktemp("served"), fill) as found:
        add_checks(found.sessions, found.ids["fact"], "large")
        add_documents(found.home, found.sessions)
        yield found


def chromium() -> str:
    """The browser's path. Where tests are the gate its absence is a failure; elsewhere a named skip."""
    path = shutil.which("chromium")
    if path is None:
        reason = "no `chromium` on the PATH: install Debian's package chromium"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


# The package's scope, not the session's: Playwright's event loop would stand in the way of other tests' loops.
@pytest.fixture(scope="package")
def chrome() -> Iterator[Browser]:
    """One Chromium for all tests."""
    path = chromium()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


def _own(url: str, address: str) -> bool:
    """Whether a request stays on the host; a blob is what the page itself has made, and is asked of nobody."""
    return url.removeprefix("blob:").startswith(address)


@contextmanager
def opened(
    browser: Browser, address: str, *, theme: str = "light", script: bool = True, width: int = 1280
) -> Iterator[Page]:
    """A fresh page that fails the test when it asks another host, logs an error, or breaks the policy."""
    context = browser.new_context(
        base_url=address,
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=script,
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
    )
    page = context.new_page()
    elsewhere: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: None if _own(request.url, address) else elsewhere.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    try:
        yield page
    finally:
        context.close()
    assert elsewhere == [], "requests left the host"
    # A page that answers with an error status, or a connection a test cuts, is written to the console as well.
    assert [line for line in wrong if not line.startswith("Failed to load resource")] == []


def follow(page: Page, link: Locator) -> None:
    """Clicks what leads to another page, and waits until that is loaded and its scripts have run.

    A click by itself ends before the other page is there: what is read at once is read from either.
    """
    with page.expect_navigation():
        link.click()


@pytest.fixture
def tab(chrome: Browser, served: Served) -> Iterator[Page]:
    """A page on the filled site."""
    with opened(chrome, served.address) as page:
        yield page
