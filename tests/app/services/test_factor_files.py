"""Factors on disk are looked over as they were written, without the engine."""

from pathlib import Path

import pytest
import torch

from app.services.factor_files import damage
from engine.storage.folder import MANIFEST, TENSORS, write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "factors", {"kind": "factors"}, {"a": torch.arange(1000.0)})
    return tmp_path / "factors"


def test_a_whole_folder_has_nothing_wrong(folder: Path) -> None:
    assert damage(folder) is None
    assert damage(folder, thorough=True) is None


def test_a_short_file_is_seen_at_once(folder: Path) -> None:
    (folder / TENSORS).write_bytes((folder / TENSORS).read_bytes()[:-8])
    assert "bytes where" in str(damage(folder))


def test_changed_bytes_are_seen_by_the_thorough(folder: Path) -> None:
    content = bytearray((folder / TENSORS).read_bytes())
    content[-1] ^= 1
    (folder / TENSORS).write_bytes(content)
    assert damage(folder) is None
    assert "SHA-256" in str(damage(folder, thorough=True))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [(TENSORS, None, "is gone"), (MANIFEST, None, "is gone"), (MANIFEST, "{", "cannot be read")],
)
def test_a_missing_or_unreadable_part_is_named(folder: Path, name: str, content: str | None, told: str) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    assert told in str(damage(folder))
    assert name in str(damage(folder))
