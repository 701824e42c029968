"""Where the modules of a model compute, and where accelerate keeps the weights of those that it offloads."""

import importlib.util
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from engine.errors import DeviceError

# Spread over all accelerators, then the CPU's memory, then the disk, as accelerate's device maps do.
BALANCED = "balanced"

DeviceMap = Mapping[str, int | str | torch.device]


def resolve_device(device: str | DeviceMap) -> torch.device:
    """The device a choice stands for; for "auto" the first CUDA card, Apple's GPU, or the CPU.

    For several devices it is one that stands for all: "auto"'s for "balanced", the first accelerator of a map.

    Raises: DeviceError when the choice is no device, or one that this machine does not have.
    """
    if isinstance(device, Mapping):
        accelerators = [place for place in device.values() if place not in ("cpu", "disk")]
        return torch.device(accelerators[0] if accelerators else "cpu")
    if device in ("auto", BALANCED):
        return _first()
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise DeviceError(
            f"device={device!r} is not a device.", "Give auto, balanced, cpu, mps, cuda, or cuda:1."
        ) from error
    _require_present(chosen)
    return chosen


def _first() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _require_present(device: torch.device) -> None:
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    missing = device.type == "cuda" and (device.index or 0) >= cards
    if missing or (device.type == "mps" and not torch.backends.mps.is_available()):
        raise DeviceError(
            f"There is no device {device} here: torch finds {cards} CUDA card(s).",
            "Give device='auto' or 'cpu', or install a build of torch for your card.",
        )


def wait(device: torch.device) -> None:
    """Until an accelerator has done all that it was given; at once on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def require_accelerate(what: str) -> None:
    """Raises: DeviceError when the accelerate package, which device maps need, is not installed."""
    if importlib.util.find_spec("accelerate") is None:
        raise DeviceError(
            f"{what} needs the package accelerate, which is not installed.",
            "Install it (pip install 'influence-explorer[devices]'), or give one device.",
        )


def execution_device(module: nn.Module) -> torch.device:
    """The device a module computes on: that of its weights, or, while accelerate keeps them away, its hook's."""
    weight = next(module.parameters())
    if weight.device.type != "meta":
        return weight.device
    for hook in _hooks(module):
        device = getattr(hook, "execution_device", None)
        if device is not None:
            return torch.device(device)
    raise DeviceError(
        f"A {type(module).__name__} has weights on the meta device and no hook that brings them back.",
        "Load the model with its weights.",
    )


def offloaded(model: nn.Module) -> tuple[str, ...]:
    """Names of the parameters that accelerate keeps in CPU memory or on disk and brings in for each forward pass."""
    return tuple(name for name, parameter in model.named_parameters() if parameter.device.type == "meta")


def parameter_values(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Names and values of all parameters in order of name, a tied one once, offloaded ones read from where they are."""
    parameters = dict(model.named_parameters())
    # Spreading a model over devices makes a tied weight two parameters; it stays one weight.
    tied: Mapping[str, str] = getattr(model, "all_tied_weights_keys", None) or {}
    for name in sorted(parameters):
        if tied.get(name) not in parameters:
            value = parameters[name]
            yield name, _brought(model, name) if value.device.type == "meta" else value.detach()


def _brought(model: nn.Module, name: str) -> Tensor:
    """An offloaded parameter's value, from the innermost hook that knows it."""
    owner = name
    while owner:
        owner = owner.rpartition(".")[0]
        for hook in _hooks(model.get_submodule(owner)):
            weights: Mapping[str, Tensor] | None = getattr(hook, "weights_map", None)
            if weights is not None:
                return weights[name.removeprefix(f"{owner}." if owner else "")]
    raise DeviceError(f"The weights of {name} are on the meta device: there are none.", "Load the model's weights.")


def _hooks(module: nn.Module) -> list[object]:
    """accelerate's hooks on a module, one or several in a row; read without importing the package."""
    hook = getattr(module, "_hf_hook", None)
    return [] if hook is None else list(getattr(hook, "hooks", [hook]))
