"""LoRA adapters: added into a model's weights, or kept beside them as matrices that can be tracked (needs peft)."""

import json
import re
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from engine.errors import ModelError

ADAPTER_WEIGHTS = ("merged", "adapter")
# As peft names them: lora_A and lora_B, each a linear map, under the projection they belong to.
LORA_MATRICES = re.compile(r"(?:.*\.)?lora_[AB]\.[^.]+")
_WEIGHTS = "adapter_model.safetensors"


def with_adapter(model: Any, folder: str, weights: str) -> Any:
    """The model with the adapter of a folder: "merged" into its weights, or as "adapter" matrices beside them.

    Raises: ModelError when the folder holds no LoRA adapter in safetensors, it does not fit the model, it computes in
        a way that its matrices alone do not tell, or the package peft is missing.
    """
    if weights not in ADAPTER_WEIGHTS:
        raise ModelError(f"adapter_weights={weights!r} is not a choice.", f"Give {' or '.join(ADAPTER_WEIGHTS)}.")
    _refuse(Path(folder), weights)
    if find_spec("peft") is None:
        raise ModelError("Adapters need the Python package peft.", "Install it: `pip install peft`.")
    from peft import PeftModel, get_peft_model_state_dict

    # What it warns of is looked into here: matrices that the file lacks, and others that the model has no place for.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            adapted = PeftModel.from_pretrained(model, folder, autocast_adapter_dtype=False)
            # Asked about embeddings as well, it would look for the base's configuration on the hub.
            made = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
            with safe_open(Path(folder) / _WEIGHTS, "pt") as file:
                stored = set(file.keys())
            lacking, homeless = made - stored, {name for name in stored - made if "lora_" in name}
            if lacking or homeless:
                raise ValueError(f"{len(lacking)} matrices are missing, and {len(homeless)} have no place in it.")
            whole: Any = adapted.merge_and_unload(safe_merge=True) if weights == "merged" else adapted.get_base_model()
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise _does_not_fit(folder, str(error)) from error
    return whole.eval()


def _does_not_fit(folder: str, said: str) -> ModelError:
    first = said.splitlines()[0][:300] if said else "no reason given"
    return ModelError(
        f"The adapter {folder} does not fit this model: {first}",
        "Give the model that the adapter was trained on: base_model_name_or_path in its adapter_config.json.",
    )


def _refuse(folder: Path, weights: str) -> None:
    """Refuse what is no adapter, is pickled, or is of a kind whose matrices are not all there is to it."""
    settings = folder / "adapter_config.json"
    if not settings.is_file():
        raise ModelError(
            f"The folder {folder} has no adapter_config.json.",
            "Give a folder that `save_pretrained` of a peft model wrote.",
        )
    if not (folder / _WEIGHTS).is_file():
        raise ModelError(
            f"The folder {folder} holds no {_WEIGHTS}; a pickle (adapter_model.bin) is never read.",
            "Save the adapter again with peft's save_pretrained(folder), which writes safetensors.",
        )
    stated = json.loads(settings.read_text(encoding="utf-8"))
    if stated.get("peft_type") != "LORA":
        raise ModelError(
            f"The adapter {folder} is of type {stated.get('peft_type')}; only LoRA is known.",
            "Merge it into its base with peft, and give the merged model as the source.",
        )
    if weights == "adapter" and stated.get("use_dora"):
        raise ModelError(
            f"The adapter {folder} is a DoRA one: its matrices are also normalised, so they are no plain linear maps.",
            'Track the merged weights: adapter_weights="merged".',
        )
