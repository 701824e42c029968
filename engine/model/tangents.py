"""Exact Gauss-Newton products at the model's own weights: one forward pass with tangents, one backward pass."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers.pytorch_utils import Conv1D

from engine.model.language_model import LanguageModel
from engine.model.moved import refuse_offloaded

Step = Mapping[str, Float[Tensor, "d_out d_in"]]


class Tangents:
    """The tracked weights as the only variables of the model; open it with `tangents`."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._weights = {
            f"{name}.{part}": parameter.detach().clone().requires_grad_()
            for name, module in model.modules.items()
            for part, parameter in _parts(module).items()
        }

    def product(
        self,
        ids: Int[Tensor, "sequence token"],
        predicting: Bool[Tensor, "sequence token"],
        step: Step,
        relative: Float[Tensor, " sequence"],
    ) -> dict[str, Tensor]:
        """sum_s relative_s J_s^T H_s J_s step over the sequences s, as matrices [out, in].

        J: the Jacobian of the logits in the tracked weights. H: the Hessian of the cross-entropy in the logits,
        diag(p) - p p^T at each position that predicts. relative: a factor a sequence.
        """
        along = self._as_parameters(step)
        with forward_ad.dual_level(), torch.enable_grad():
            duals = {name: forward_ad.make_dual(weight, along[name]) for name, weight in self._weights.items()}  # type: ignore[no-untyped-call]
            inputs = {"input_ids": ids, "use_cache": False}
            logits = functional_call(self._model.hf_model, duals, kwargs=inputs).logits.to(ids.device)
            own, tangent = forward_ad.unpack_dual(logits)  # type: ignore[no-untyped-call]
            assert tangent is not None
            curved = _curved(own.detach(), tangent.detach(), predicting, relative)
        # The level is closed, so that no tangent of the gradients is computed.
        found = torch.autograd.grad(own, list(self._weights.values()), curved)
        return self._as_matrices(dict(zip(self._weights, found, strict=True)))

    def _as_parameters(self, step: Step) -> dict[str, Tensor]:
        """A matrix a module, its bias in the last column, as weights and biases in the model's own layout."""
        found = {}
        for name, module in self._model.modules.items():
            matrix = step[name]
            if self._model.has_bias(name):
                bias = self._weights[f"{name}.bias"]
                found[f"{name}.bias"], matrix = matrix[:, -1].to(bias), matrix[:, :-1]
            weight = self._weights[f"{name}.weight"]
            found[f"{name}.weight"] = (matrix.T if isinstance(module, Conv1D) else matrix).to(weight)
        return found

    def _as_matrices(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The inverse of `_as_parameters`."""
        matrices = {}
        for name, module in self._model.modules.items():
            weight = found[f"{name}.weight"]
            matrix = weight.T if isinstance(module, Conv1D) else weight
            if self._model.has_bias(name):
                matrix = torch.cat([matrix, found[f"{name}.bias"][:, None]], dim=1)
            matrices[name] = matrix
        return matrices


@contextmanager
def tangents(model: LanguageModel) -> Iterator[Tangents]:
    """Products at the model's weights, all other parameters frozen; on leaving, the model is as it was.

    Raises: DeviceError when tracked weights are offloaded.
    """
    refuse_offloaded(model)
    _load_forward_derivatives()
    frozen = [parameter for parameter in model.hf_model.parameters() if parameter.requires_grad]
    training = [module for module in model.hf_model.modules() if module.training]
    try:
        for parameter in frozen:
            parameter.requires_grad_(False)
        model.hf_model.eval()
        # The fused attention kernels have no forward derivative.
        with sdpa_kernel(SDPBackend.MATH):
            yield Tangents(model)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        for module in training:
            module.training = True


def _load_forward_derivatives() -> None:
    """Let torch read its own scripted derivatives, which it does at the first dual tensor and then warns of."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.filterwarnings("ignore", message=".*torch.jit.script", category=DeprecationWarning)
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))  # type: ignore[no-untyped-call]


def _parts(module: nn.Module) -> dict[str, Tensor]:
    weight: Tensor = module.weight  # type: ignore[assignment]
    bias: Tensor | None = getattr(module, "bias", None)
    return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}


def _curved(own: Tensor, tangent: Tensor, predicting: Tensor, relative: Tensor) -> Tensor:
    """H times the logits' tangent, weighted, and zero where nothing is predicted."""
    p = torch.softmax(own, dim=-1)
    pulled = p * tangent
    curved = pulled.sub_(p.mul_(pulled.sum(dim=-1, keepdim=True)))
    curved *= relative[:, None, None]
    return curved.masked_fill_(~predicting.unsqueeze(-1), 0)
