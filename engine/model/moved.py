"""Tracked weights moved for a while, and put back bit for bit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from engine.errors import DeviceError
from engine.model.devices import offloaded
from engine.model.language_model import LanguageModel


@contextmanager
def moved(model: LanguageModel, step: Mapping[str, Float[Tensor, "d_out d_in"]], size: float = 1.0) -> Iterator[None]:
    """Add size x step to every tracked weight (its bias is the last column); on leaving, restore the old values.

    Raises: DeviceError when tracked weights are offloaded, since a change would not outlast one module's call.
    """
    refuse_offloaded(model)
    kept = {name: _copies(module) for name, module in model.modules.items()}
    try:
        with torch.no_grad():
            for name, module in model.modules.items():
                _add(module, step[name] * size)
        yield
    finally:
        with torch.no_grad():
            for name, module in model.modules.items():
                for parameter, old in zip(module.parameters(), kept[name], strict=True):
                    parameter.copy_(old)


def weight_norm(model: LanguageModel) -> float:
    """The norm of all tracked weights and biases together."""
    refuse_offloaded(model)
    parameters = [parameter for module in model.modules.values() for parameter in module.parameters()]
    squares = [parameter.detach().double().square().sum().cpu() for parameter in parameters]
    return float(torch.stack(squares).sum().sqrt())


def refuse_offloaded(model: LanguageModel) -> None:
    """Raises: DeviceError when a tracked module's weights are offloaded."""
    away = [name for name, module in model.modules.items() if offloaded(module)]
    if away:
        raise DeviceError(
            f"The weights of {away[0]} and {len(away) - 1} more modules are offloaded, so they cannot be moved.",
            "Load the model on devices that hold it whole: erasure views and counterfactual checks move its weights.",
        )


def _copies(module: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def _add(module: nn.Module, step: Tensor) -> None:
    weight: Tensor = module.weight  # type: ignore[assignment]
    bias: Tensor | None = getattr(module, "bias", None)
    if bias is not None:
        bias.add_(step[:, -1].to(bias))
        step = step[:, :-1]
    weight.add_((step.T if isinstance(module, Conv1D) else step).to(weight))
