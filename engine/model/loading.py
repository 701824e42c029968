"""Loading a causal language model and its tokenizer from a directory, a hub id or a GGUF file."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import WEIGHTS_INDEX_NAME, WEIGHTS_NAME
from transformers.utils.hub import has_file

from engine.errors import ModelError
from engine.model.devices import BALANCED, DeviceMap, require_accelerate, resolve_device

_DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def load(
    path: str, revision: str | None, gguf_file: str | None, device: str | DeviceMap, dtype: str
) -> tuple[Any, Any]:
    """The model in evaluation mode on its device or devices, and its fast tokenizer (None when there is none).

    Raises: ModelError when the source does not exist, holds only pickled weights, needs code of its own, or is no
        causal model; DeviceError when the device is not there, or several are asked for without accelerate.
    """
    weights = _safetensors(path) if gguf_file is None else _gguf(gguf_file)
    where = resolve_device(device)
    several = _device_map(device)
    options: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    if gguf_file is not None:
        options["gguf_file"] = gguf_file
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            path,
            dtype=resolve_dtype(dtype, where),
            output_loading_info=True,
            **weights,
            **({} if several is None else {"device_map": several}),
            **options,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise _explained(path, revision, gguf_file, error) from error
    model, found = loaded
    if getattr(model, "_hf_peft_config_loaded", False):
        raise _is_an_adapter(path)
    _refuse_holes(path, sorted(found["missing_keys"]))
    placed = model.to(where) if several is None else model
    return placed.eval(), _tokenizer(path, options)


def _device_map(device: str | DeviceMap) -> str | dict[str, Any] | None:
    """What transformers is to spread the model by; None for a model on one device."""
    if isinstance(device, str) and device != BALANCED:
        return None
    require_accelerate(f"device={device!r}")
    return device if isinstance(device, str) else dict(device)


def resolve_dtype(dtype: str, device: torch.device) -> torch.dtype | str:
    """The dtype "auto" stands for: float32 on a CPU, the file's own elsewhere."""
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    if dtype not in _DTYPES:
        raise ModelError(f"dtype={dtype!r} is not a choice.", f"Give auto or one of {', '.join(_DTYPES)}.")
    return _DTYPES[dtype]


_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "*.gguf")


def _tokenizer(path: str, options: dict[str, Any]) -> Any:
    folder = Path(path)
    if folder.is_dir() and not any(file for name in _TOKENIZER_FILES for file in folder.glob(name)):
        # transformers would make an empty tokenizer up.
        return None
    try:
        return AutoTokenizer.from_pretrained(path, use_fast=True, **options)
    except (OSError, ValueError, KeyError):
        # A source without tokenizer files is a model to be used with ids.
        return None


def _safetensors(path: str) -> dict[str, Any]:
    """What transformers is told so that it reads safetensors only; a folder is looked into first."""
    folder = Path(path)
    if folder.is_dir():
        _refuse_pickles(folder)
    return {"use_safetensors": True}


def _gguf(gguf_file: str) -> dict[str, Any]:
    """What transformers is told so that a GGUF file becomes plain weights, whatever they are packed as."""
    missing = [name for name in ("gguf", "accelerate") if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"Reading {gguf_file} needs the Python packages gguf and accelerate; {' and '.join(missing)} is missing.",
            "Install them: `pip install gguf accelerate`.",
        )
    packed = getattr(transformers, "GgufConfig", None)
    # Packed matrices are no linear maps, so nothing of them could be tracked.
    return {} if packed is None else {"quantization_config": packed(dequantize=True)}


def _refuse_pickles(folder: Path) -> None:
    if (folder / "adapter_config.json").is_file():
        raise _is_an_adapter(str(folder))
    if not (folder / "config.json").is_file():
        raise ModelError(f"The folder {folder} has no config.json.", "Give a Hugging Face model directory.")
    if list(folder.glob("*.safetensors")):
        return
    pickles = sorted(p.name for p in [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")])
    if pickles:
        raise _pickled(", ".join(pickles))
    raise ModelError(f"The folder {folder} holds no *.safetensors weights.", "Copy model.safetensors into it.")


def _refuse_holes(path: str, missing: list[str]) -> None:
    """transformers fills weights that a file lacks with random numbers, and no more than warns."""
    if missing:
        raise ModelError(
            f"The weights of {path!r} lack {len(missing)} of the model's tensors: {', '.join(missing[:4])}"
            f"{' ...' if len(missing) > 4 else ''}.",
            "Give the whole model; for an adapter, its base as the source and its folder as the adapter.",
        )


def _pickled(names: str) -> ModelError:
    return ModelError(
        f"The weights {names} are pickles, which can run code when loaded.",
        "Convert them: model.save_pretrained(folder) of transformers 5 writes safetensors.",
    )


def _is_an_adapter(path: str) -> ModelError:
    return ModelError(
        f"{path} holds an adapter, not a whole model.",
        "Give its base model as the source, and a folder with the adapter alone as the adapter.",
    )


def _explained(path: str, revision: str | None, gguf_file: str | None, error: Exception) -> ModelError:
    """Why a model cannot be loaded, in our words: what transformers advises is not always to be followed."""
    said = str(error)
    if "trust_remote_code" in said:
        return ModelError(
            f"The model {path!r} brings code of its own (auto_map in its config.json); code from a repository is never "
            "run.",
            "Choose a model whose architecture transformers has built in.",
        )
    if gguf_file is None and not Path(path).is_dir():
        pickles = [name for name in (WEIGHTS_NAME, WEIGHTS_INDEX_NAME) if _has(path, name, revision)]
        if pickles:
            return _pickled(f"{' and '.join(pickles)} of {path!r}")
    return ModelError(
        f"The model {path!r} cannot be loaded: {said.splitlines()[0] if said else repr(error)}",
        "Give a directory with config.json and model.safetensors, a GGUF file, or a hub id that is in reach.",
    )


def _has(path: str, name: str, revision: str | None) -> bool:
    """Whether a hub id, or its copy in the cache, has a file; False where nobody can tell."""
    try:
        return bool(has_file(path, name, revision=revision))
    except Exception:
        # Asked only to explain another failure, which is the one to tell.
        return False
