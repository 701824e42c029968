"""Capture of activations and output gradients of the tracked modules, leaving no trace on the model."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from engine.errors import ModelError, NumericalError
from engine.maths.covariance import with_homogeneous_one
from engine.model.language_model import LanguageModel


@dataclass(frozen=True, slots=True)
class Captured:
    """What one forward and backward pass left: per tracked module, activations and output gradients.

    Activations carry the homogeneous 1 where a module has a bias. Modules that read the same tensor (gate and
    up projections) share one activation tensor, so `is` tells that they share a covariance.
    """

    activations: Mapping[str, Float[Tensor, "sequence token d_in"]]
    output_gradients: Mapping[str, Float[Tensor, "sequence token d_out"]]


class Capture:
    """An open capture: run `forward`, then `backward` with the derivative in the logits."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._inputs: dict[str, Tensor] = {}
        self._outputs: dict[str, Tensor] = {}
        self._logits: Tensor | None = None

    def forward(self, ids: Int[Tensor, "sequence token"]) -> Float[Tensor, "sequence token vocabulary"]:
        """The logits, detached; padding stands on the right, where a causal model cannot see it from the left."""
        self._inputs.clear()
        self._outputs.clear()
        with torch.enable_grad():
            self._logits = self._model.hf_model(input_ids=ids, use_cache=False).logits
        missing = [name for name in self._model.tracked if name not in self._outputs]
        if missing:
            raise ModelError(
                f"The forward pass never called {', '.join(missing[:4])}.",
                "Give a track pattern that matches only modules the model uses.",
            )
        return self._logits.detach()

    def backward(self, logits_gradient: Float[Tensor, "sequence token vocabulary"]) -> Captured:
        """Back-propagate to the outputs of the tracked modules only; no weight gradient is formed anywhere."""
        if self._logits is None:
            raise ModelError("backward was called before forward.", "Call forward first.")
        names = self._model.tracked
        gradients = torch.autograd.grad(self._logits, [self._outputs[name] for name in names], logits_gradient)
        self._logits = None
        self._outputs.clear()
        output_gradients = dict(zip(names, gradients, strict=True))
        for name, gradient in output_gradients.items():
            # A sum is finite only if every entry is (or infinities cancel into NaN): one read, no mask.
            if not bool(torch.isfinite(gradient.sum())):
                raise NumericalError(
                    f"The output gradients of {name} hold NaN or infinity.",
                    "Load the model in float32 (dtype='float32'), and look for sequences that overflow it.",
                )
        return Captured(self._with_ones(), output_gradients)

    def _with_ones(self) -> dict[str, Tensor]:
        extended: dict[int, Tensor] = {}
        activations = {}
        for name in self._model.tracked:
            plain = self._inputs[name]
            if self._model.has_bias(name):
                activations[name] = extended.setdefault(id(plain), with_homogeneous_one(plain))
            else:
                activations[name] = plain
        self._inputs.clear()
        return activations

    def hook(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]:
        """The forward hook of one module: remember its input and output, and start the graph there if need be."""

        def remember(_: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
            if name in self._inputs:
                raise ModelError(
                    f"Module {name} is called twice in one forward pass, so its gradients would mix.",
                    "Leave it out of the track pattern.",
                )
            # Modules that read the same tensor must keep one object between them.
            self._inputs[name] = self._shared(arguments[0])
            if not output.requires_grad:
                output = output.detach().requires_grad_()
            self._outputs[name] = output
            return output

        return remember

    def _shared(self, tensor: Tensor) -> Tensor:
        for known in self._inputs.values():
            if known.data_ptr() == tensor.data_ptr() and known.shape == tensor.shape:
                return known
        return tensor.detach()


@contextmanager
def capture(model: LanguageModel) -> Iterator[Capture]:
    """Hooks on the tracked modules, all parameters frozen; on leaving, both are as they were.

    With the parameters frozen the graph begins at the lowest tracked output, so backward stops there.
    """
    opened = Capture(model)
    frozen = [parameter for parameter in model.hf_model.parameters() if parameter.requires_grad]
    training = [module for module in model.hf_model.modules() if module.training]
    handles: list[RemovableHandle] = []
    try:
        handles.extend(module.register_forward_hook(opened.hook(name)) for name, module in model.modules.items())
        for parameter in frozen:
            parameter.requires_grad_(False)
        model.hf_model.eval()
        yield opened
    finally:
        for handle in handles:
            handle.remove()
        for parameter in frozen:
            parameter.requires_grad_(True)
        for module in training:
            module.training = True
