"""The floor: plain PyTorch, forward and backward to activations only, weights frozen, nothing done with them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from engine import LanguageModel
from engine.corpus.batches import Batch


def floor_pass(model: LanguageModel, batches: list[Batch]) -> dict[str, Tensor]:
    """Gradients of the summed cross-entropy in the tracked outputs of every batch; those of the last are returned.

    The graph begins at the lowest tracked output, where the engine's does, so nothing below it is passed back, and the
    loss's derivative in the logits is written down: the least that PyTorch can do the work with.
    """
    gradients: dict[str, Tensor] = {}
    with _outputs(model) as outputs:
        for batch in batches:
            # The last batch's must not be held while the next is made.
            gradients.clear()
            gradients = _gradients(model, batch, outputs)
    return gradients


def _gradients(model: LanguageModel, batch: Batch, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    logits = model.hf_model(input_ids=batch.ids, use_cache=False).logits
    found = torch.autograd.grad(logits, list(outputs.values()), _loss_gradient(logits.detach(), batch))
    names = list(outputs)
    outputs.clear()
    return dict(zip(names, found, strict=True))


def _loss_gradient(logits: Tensor, batch: Batch) -> Tensor:
    """softmax - onehot(next token) where a token is predicted, in one buffer: cheaper than a loss with a graph."""
    gradient = torch.softmax(logits, dim=-1)
    labels = batch.next_tokens.unsqueeze(-1)
    gradient.scatter_add_(-1, labels, gradient.new_full((), -1.0).expand(labels.shape))
    return gradient.masked_fill_(~batch.predicting.unsqueeze(-1), 0)


@contextmanager
def _outputs(model: LanguageModel) -> Iterator[dict[str, Tensor]]:
    outputs: dict[str, Tensor] = {}

    def hook(name: str) -> object:
        def remember(_: nn.Module, __: tuple[object, ...], output: Tensor) -> Tensor:
            outputs[name] = output if output.requires_grad else output.detach().requires_grad_()
            return outputs[name]

        return remember

    handles = [module.register_forward_hook(hook(name)) for name, module in model.modules.items()]  # type: ignore[arg-type]
    thawed = [p for p in model.hf_model.parameters() if p.requires_grad]
    try:
        for parameter in thawed:
            parameter.requires_grad_(False)
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
        for parameter in thawed:
            parameter.requires_grad_(True)
