"""A causal language model with the modules that are tracked, their blocks, and its fingerprint."""

import re
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from engine.errors import ModelError
from engine.model.adapters import LORA_MATRICES, with_adapter
from engine.model.devices import DeviceMap, execution_device
from engine.model.families import FAMILIES, TRACK_CHOICES, block_of
from engine.model.fingerprint import model_fingerprint, tokenizer_fingerprint
from engine.model.loading import load

Track = str | re.Pattern[str]


class LanguageModel:
    """A Hugging Face causal language model as the engine sees it; nothing is set on the model itself.

    track: "mlp" (the paper's choice), "attention", "mlp+attention", or a compiled pattern that matches whole
        module names, for families the engine does not know.
    tokenizer: a fast tokenizer; without one, sequences and queries are given as ids.

    Raises: ModelError when no module matches, a matching one is neither Linear nor Conv1D, or experts are fused.
    """

    def __init__(self, hf_model: Any, tokenizer: Any = None, track: Track = "mlp") -> None:
        self.hf_model = hf_model
        self.tokenizer = tokenizer
        _refuse_fused_experts(hf_model)
        self.modules: Mapping[str, nn.Module] = MappingProxyType(_tracked_modules(hf_model, track))
        self.tracked: tuple[str, ...] = tuple(self.modules)
        self.untracked: tuple[str, ...] = _untracked(hf_model, self.tracked)
        self.layer_of: Mapping[str, str] = MappingProxyType({name: block_of(name) for name in self.tracked})
        self.layers: tuple[str, ...] = tuple(dict.fromkeys(self.layer_of.values()))

    @classmethod
    def from_pretrained(
        cls,
        path: str,
        revision: str | None = None,
        gguf_file: str | None = None,
        device: str | DeviceMap = "auto",
        dtype: str = "auto",
        track: Track = "mlp",
        adapter: str | None = None,
        adapter_weights: str = "merged",
    ) -> "LanguageModel":
        """Load a directory or hub id; only safetensors or GGUF weights, never code from the repository.

        gguf_file: the name of a GGUF file in the directory or repository; its weights are unpacked.

        device: "auto" is the first CUDA card, Apple's GPU or the CPU; "balanced" spreads the model over all
            cards, and what they cannot hold over CPU memory and disk; so does a map of module names to devices.
        dtype: "auto" is float32 on a CPU, whatever the file holds, and the file's own on an accelerator.
        adapter: a folder with a LoRA adapter. "merged": it is added into the weights, which are tracked as ever;
            "adapter": its own matrices are tracked instead of what `track` names, and the base stays as it is.

        Raises: ModelError when the source or the adapter cannot be loaded; DeviceError when the device is not there.
        """
        hf_model, tokenizer = load(path, revision, gguf_file, device, dtype)
        if adapter is not None:
            hf_model = with_adapter(hf_model, adapter, adapter_weights)
            track = LORA_MATRICES if adapter_weights == "adapter" else track
        return cls(hf_model, tokenizer, track)

    @property
    def device(self) -> torch.device:
        """Where the input embeddings compute, and so where token ids go."""
        return execution_device(self.hf_model.get_input_embeddings())

    def device_of(self, name: str) -> torch.device:
        """Where a tracked module computes: its activations, gradients, factors and queries belong there."""
        return execution_device(self.modules[name])

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the tracked weights."""
        weight: torch.Tensor = self.modules[self.tracked[0]].weight  # type: ignore[assignment]
        return weight.dtype

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all parameters as loaded; it differs between float32 and bfloat16 copies."""
        return model_fingerprint(self.hf_model)

    @cached_property
    def tokenizer_fingerprint(self) -> str | None:
        """SHA-256 of the tokenizer's definition; None without a tokenizer."""
        return None if self.tokenizer is None else tokenizer_fingerprint(self.tokenizer)

    @cached_property
    def parameters(self) -> int:
        """The number of parameters; a tied one counts once."""
        return sum(p.numel() for p in self.hf_model.parameters())

    @cached_property
    def non_embedding_parameters(self) -> int:
        """Parameters other than token embeddings and an untied head."""
        embeddings = {id(self.hf_model.get_input_embeddings().weight)}
        head = self.hf_model.get_output_embeddings()
        if head is not None:
            embeddings.add(id(head.weight))
        return sum(p.numel() for p in self.hf_model.parameters() if id(p) not in embeddings)

    @property
    def context_length(self) -> int | None:
        """The longest sequence the model's positions allow; None when its configuration does not say."""
        length: int | None = getattr(self.hf_model.config, "max_position_embeddings", None)
        return length

    @property
    def bos_token_id(self) -> int | None:
        """The beginning-of-sequence token put in front of text, if the tokenizer has one."""
        identifier: int | None = None if self.tokenizer is None else self.tokenizer.bos_token_id
        return identifier

    def has_bias(self, name: str) -> bool:
        """Whether a tracked module adds a bias, and so has a homogeneous 1 among its activations."""
        return getattr(self.modules[name], "bias", None) is not None

    def dimensions(self, name: str) -> tuple[int, int]:
        """(out, in) of a tracked module; `in` counts the homogeneous 1 of a bias."""
        module = self.modules[name]
        weight: torch.Tensor = module.weight  # type: ignore[assignment]
        d_in, d_out = weight.shape if isinstance(module, Conv1D) else reversed(weight.shape)
        return d_out, d_in + int(self.has_bias(name))

    def encode(self, text: str) -> list[int]:
        """Token ids of a document: a beginning-of-sequence token in front if the tokenizer has one."""
        if self.tokenizer is None:
            raise ModelError("The model has no tokenizer, so text cannot be encoded.", "Pass tokenizer=..., or ids.")
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids if self.bos_token_id is None else [self.bos_token_id, *ids]


def _tracked_modules(model: nn.Module, track: Track) -> dict[str, nn.Module]:
    pattern = track if isinstance(track, re.Pattern) else _family_pattern(model, track)
    found = {name: module for name, module in model.named_modules() if pattern.fullmatch(name)}
    for name, module in found.items():
        if not isinstance(module, nn.Linear | Conv1D):
            raise ModelError(
                f"Module {name} is a {type(module).__name__}; only Linear and Conv1D can be tracked.",
                "Give a pattern that matches linear maps only.",
            )
    if not found:
        linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]
        raise ModelError(
            f"No module matches {pattern.pattern!r}, so there is nothing to track.",
            f"Pass track=re.compile(...) for some of: {', '.join(linear[:12]) or 'none (no linear map)'}.",
        )
    return found


def _family_pattern(model: nn.Module, track: str) -> re.Pattern[str]:
    if track not in TRACK_CHOICES:
        raise ModelError(
            f"track={track!r} is not a choice.",
            f"Give one of {', '.join(TRACK_CHOICES)}, or re.compile(pattern).",
        )
    kind = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
    if kind not in FAMILIES:
        raise ModelError(
            f"Models of type {kind!r} are not known.",
            f"Pass track=re.compile(...) with the projections' names; known types: {', '.join(FAMILIES)}.",
        )
    return FAMILIES[kind].pattern(track)


def _refuse_fused_experts(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if parameter.ndim == 3 and "expert" in name:
            raise ModelError(
                f"{name} holds fused experts {tuple(parameter.shape)}, whose inputs cannot be told apart.",
                "Load the model with one Linear an expert, or choose a dense model.",
            )


def _untracked(model: nn.Module, tracked: tuple[str, ...]) -> tuple[str, ...]:
    owners = {name.rpartition(".")[0] for name, _ in model.named_parameters()}
    return tuple(sorted(owners - set(tracked)))
