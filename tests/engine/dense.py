"""The exact Gauss-Newton Hessian of a tiny model over all tracked weights, as one dense matrix."""

from collections.abc import Sequence as Series

import torch
from torch import Tensor
from torch.func import functional_call, jacrev
from transformers.pytorch_utils import Conv1D

from engine import LanguageModel, Sequence


def gauss_newton(model: LanguageModel, corpus: list[Sequence]) -> Tensor:
    """E over sequences of J^T H J, J the logits' Jacobian in the tracked weights, H that of the summed softmax loss."""
    size = sum(out * inp for out, inp in (model.dimensions(name) for name in model.tracked))
    total = torch.zeros(size, size, dtype=torch.float64)
    for sequence in corpus:
        jacobian = logits_jacobian(model, sequence).detach()
        with torch.no_grad():
            logits = model.hf_model(input_ids=torch.tensor([sequence.ids])).logits[0, :-1]
        for position, row in zip(jacobian, torch.softmax(logits, -1), strict=True):
            total += position.T @ (torch.diag(row) - torch.outer(row, row)) @ position / len(corpus)
    return total


def logits_jacobian(model: LanguageModel, sequence: Sequence) -> Tensor:
    """[position, vocabulary, weight] of the predicting positions; weights as `flat` lays them out."""
    zero = torch.zeros(sum(o * i for o, i in (model.dimensions(n) for n in model.tracked)), dtype=torch.float64)
    return jacrev(lambda step: dense_logits(model, sequence.ids, step))(zero)


def dense_logits(model: LanguageModel, ids: Series[int], step: Tensor | None) -> Tensor:
    """[position, vocabulary] of the predicting positions, with all tracked weights moved by a flat step."""
    moved = {} if step is None else _moved_parameters(model, step)
    inputs = {"input_ids": torch.tensor([ids]), "use_cache": False}
    logits: Tensor = functional_call(model.hf_model, moved, (), inputs).logits[0, :-1]
    return logits


def flat(model: LanguageModel, step: dict[str, Tensor]) -> Tensor:
    """Matrices [out, in] of all tracked modules as one vector."""
    return torch.cat([step[name].flatten() for name in model.tracked])


def _moved_parameters(model: LanguageModel, step: Tensor) -> dict[str, Tensor]:
    parameters, start = {}, 0
    for name, module in model.modules.items():
        out, inp = model.dimensions(name)
        part = step[start : start + out * inp].view(out, inp)
        start += out * inp
        if module.bias is not None:
            parameters[f"{name}.bias"] = module.bias + part[:, -1]
            part = part[:, :-1]
        parameters[f"{name}.weight"] = module.weight + (part.T if isinstance(module, Conv1D) else part)
    return parameters
