"""Capture of activations and output gradients of the tracked modules, leaving no trace on the model."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.utils.hooks import RemovableHandle

from engine.errors import ModelError, NumericalError
from engine.maths.covariance import with_homogeneous_one
from engine.maths.wide import accumulating
from engine.model.language_model import LanguageModel
from engine.terms import Precision


@dataclass(frozen=True, slots=True)
class Captured:
    """What one forward and backward pass left: per tracked module, activations and output gradients.

    Activations carry the homogeneous 1 where a module has a bias. Modules that read the same tensor (gate and
    up projections) share one activation tensor, so `is` tells that they share a covariance.
    All are in the dtype of the products that will be made of them.
    """

    activations: Mapping[str, Float[Tensor, "sequence token d_in"]]
    output_gradients: Mapping[str, Float[Tensor, "sequence token d_out"]]

    @property
    def sharing(self) -> dict[str, str]:
        """For each module the first one that read the same tensor."""
        first: dict[int, str] = {}
        return {name: first.setdefault(id(tensor), name) for name, tensor in self.activations.items()}


@dataclass(frozen=True, slots=True)
class Products:
    """The precision of what is made of captured vectors, and whether the model itself runs in it too."""

    precision: Precision = "float32"
    model_too: bool = False

    def dtype(self, captured: torch.dtype) -> torch.dtype:
        """bfloat16, or float32 (float64 for a float64 model), for vectors that the model holds in that dtype."""
        return torch.bfloat16 if self.precision == "bfloat16" else accumulating(captured)

    def around_the_model(self, device: torch.device) -> AbstractContextManager[object]:
        """What the forward pass runs under."""
        if self.model_too and self.precision == "bfloat16":
            return torch.autocast(device.type, torch.bfloat16)
        return nullcontext()


IN_FLOAT32 = Products()


class Capture:
    """An open capture: run `forward`, then `backward` with the derivative in the logits."""

    def __init__(self, model: LanguageModel, products: Products) -> None:
        self._model = model
        self._products = products
        self._inputs: dict[str, Tensor] = {}
        self._read: list[tuple[Tensor, Tensor]] = []
        self._outputs: dict[str, GradientEdge] = {}
        self._logits: GradientEdge | None = None

    def forward(self, ids: Int[Tensor, "sequence token"]) -> Float[Tensor, "sequence token vocabulary"]:
        """The logits, detached; padding stands on the right, where a causal model cannot see it from the left.

        Nothing else holds them, so they are gone when the caller lets them go, and may be written over.
        """
        self.release()
        with torch.enable_grad(), self._products.around_the_model(ids.device):
            # A model spread over devices may end on another one than it began on.
            logits: Tensor = self._model.hf_model(input_ids=ids, use_cache=False).logits.to(ids.device)
        self._logits = get_gradient_edge(logits)
        self._read.clear()
        missing = [name for name in self._model.tracked if name not in self._outputs]
        if missing:
            raise ModelError(
                f"The forward pass never called {', '.join(missing[:4])}.",
                "Give a track pattern that matches only modules the model uses.",
            )
        return logits.detach()

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
            output_gradients[name] = gradient.to(self._products.dtype(gradient.dtype))
        return Captured(self._as_read(), output_gradients)

    def release(self) -> None:
        """Let go of everything a forward pass left, after one that failed."""
        self._inputs.clear()
        self._read.clear()
        self._outputs.clear()
        self._logits = None

    def _as_read(self) -> dict[str, Tensor]:
        """The inputs with their homogeneous ones, in the products' dtype; still one tensor for those that share."""
        made: dict[tuple[int, bool], Tensor] = {}
        activations = {}
        for name in self._model.tracked:
            plain = self._inputs[name]
            key = id(plain), self._model.has_bias(name)
            if key not in made:
                cast = plain.to(self._products.dtype(plain.dtype))
                made[key] = with_homogeneous_one(cast) if key[1] else cast
            activations[name] = made[key]
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
            self._inputs[name] = self._shared(arguments[0], output.device)
            if not output.requires_grad:
                output = output.detach().requires_grad_()
            # The place in the graph is all that backward needs; the output itself may be let go.
            self._outputs[name] = get_gradient_edge(output)
            return output

        return remember

    def _shared(self, tensor: Tensor, device: torch.device) -> Tensor:
        """The input on the module's device (accelerate's hook moves it only inside the module), one object a tensor."""
        for read, kept in self._read:
            if (read.data_ptr(), read.shape, kept.device) == (tensor.data_ptr(), tensor.shape, device):
                return kept
        plain = tensor.detach()
        # What was read is held as well, so that no later tensor can come to lie at its address.
        self._read.append((plain, plain.to(device)))
        return self._read[-1][1]


@contextmanager
def capture(model: LanguageModel, products: Products = IN_FLOAT32) -> Iterator[Capture]:
    """Hooks on the tracked modules, all parameters frozen; on leaving, both are as they were.

    With the parameters frozen the graph begins at the lowest tracked output, so backward stops there.
    """
    opened = Capture(model, products)
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
