"""Fingerprints: what a model and a tokenizer are, whatever file they came from."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from engine.model.devices import parameter_values


def model_fingerprint(model: nn.Module) -> str:
    """SHA-256 of the names, shapes, dtypes and bytes of all parameters (a tied one once), in order of name.

    An adapter that is kept beside the weights also counts by its scaling. The same wherever the weights are: on one
    device, spread over several, or offloaded.
    """
    digest = hashlib.sha256()
    for name, value in parameter_values(model):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
        plain = value.cpu().contiguous().view(-1).view(torch.uint8)
        digest.update(plain.numpy().tobytes())
    for name, scaling in sorted(_scalings(model)):
        digest.update(f"{name} scaled by {scaling}\n".encode())
    return digest.hexdigest()


def _scalings(model: nn.Module) -> Iterator[tuple[str, str]]:
    """What the product of an adapter's two matrices is multiplied by, for every layer that has one."""
    for name, module in model.named_modules():
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, dict):
            yield name, json.dumps(scaling, sort_keys=True)


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """SHA-256 of the tokenizer's whole definition, or of its vocabulary where it has no `tokenizers` backend."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = json.dumps(sorted(tokenizer.get_vocab().items()))
    definition = vocabulary if backend is None else backend.to_str()
    return hashlib.sha256(f"{definition}{tokenizer.bos_token!r}".encode()).hexdigest()


def settings_fingerprint(**settings: object) -> str:
    """SHA-256 of settings that are plain data (or have a telling repr), in order of name."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=repr).encode()).hexdigest()
