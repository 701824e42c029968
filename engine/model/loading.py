"""Loading a causal language model and its tokenizer from a directory, a hub id or a GGUF file."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

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

    Raises: ModelError when the source does not exist, holds only pickled weights, or is no causal model;
        DeviceError when the device is not there, or several are asked for without the package accelerate.
    """
    _refuse_pickles(path, gguf_file)
    where = resolve_device(device)
    several = _device_map(device)
    options: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    if gguf_file is not None:
        options["gguf_file"] = gguf_file
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            path,
            dtype=resolve_dtype(dtype, where),
            use_safetensors=True if gguf_file is None else None,
            **({} if several is None else {"device_map": several}),
            **options,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"The model {path!r} cannot be loaded: {str(error).splitlines()[0] if str(error) else error!r}",
            "Give a directory with config.json and model.safetensors, a GGUF file, or a hub id that is in reach.",
        ) from error
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


def _refuse_pickles(path: str, gguf_file: str | None) -> None:
    folder = Path(path)
    if gguf_file is not None or not folder.is_dir():
        return
    if not (folder / "config.json").is_file():
        raise ModelError(f"The folder {path} has no config.json.", "Give a Hugging Face model directory.")
    if list(folder.glob("*.safetensors")):
        return
    pickles = sorted(p.name for p in [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")])
    if pickles:
        raise ModelError(
            f"The weights {', '.join(pickles)} are pickles, which can run code when loaded.",
            "Convert them: model.save_pretrained(folder) of transformers 5 writes safetensors.",
        )
    raise ModelError(f"The folder {path} holds no *.safetensors weights.", "Copy model.safetensors into it.")
