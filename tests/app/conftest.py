"""A small world for the tests of the application: tiny models on disk, and rows made by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import logs
from tests.app.tiny import save_llama, save_without_mlp


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """As the product logs; the library's own way prints every variable of every frame."""
    logs.configure()


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from more threads, and lose much on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama."""
    return save_llama(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another, of other weights and more layers, with the same tokenizer."""
    return save_llama(tmp_path_factory.mktemp("models") / "deep", seed=1, layers=3)


@pytest.fixture(scope="session")
def untracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in which no module can be tracked."""
    return save_without_mlp(tmp_path_factory.mktemp("models") / "bloom")
