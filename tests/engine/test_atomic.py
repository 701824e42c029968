"""Files and folders are there whole or not at all."""

from pathlib import Path

import pytest

from engine.atomic import whole_file, whole_folder


def test_a_folder_takes_its_name_only_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    with whole_folder(target) as part:
        (part / "a").write_text("one")
        assert not target.exists()
    assert (target / "a").read_text() == "one"
    with whole_folder(target) as part:
        (part / "b").write_text("two")
        assert (target / "a").read_text() == "one"
    assert [path.name for path in target.iterdir()] == ["b"]
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_a_folder_that_fails_leaves_the_older_one_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with whole_folder(target) as part:
        (part / "a").write_text("one")

    def fail() -> None:
        with whole_folder(target) as part:
            (part / "a").write_text("two")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert (target / "a").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_a_file_takes_its_name_only_when_it_is_written(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    with whole_file(target) as file:
        file.write(b"one")
        assert not target.exists()

    def fail() -> None:
        with whole_file(target) as file:
            file.write(b"two")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert target.read_bytes() == b"one"
    assert [path.name for path in target.parent.iterdir()] == ["target"]
