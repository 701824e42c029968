"""Tiny models and independent oracles: gradients by autograd, matrices built densely."""

from collections.abc import Sequence as Series

import torch
from torch import Tensor, nn
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)
from transformers.pytorch_utils import Conv1D

from engine import LanguageModel, Sequence

FAMILIES = ("llama", "gpt2", "gpt_neox")
VOCABULARY = 29


def hf_model(family: str, dtype: torch.dtype, width: int = 8, layers: int = 2) -> nn.Module:
    """A random model of a family, seeded, with biases away from zero where it has them."""
    torch.manual_seed(7)
    common = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0}
    model: nn.Module
    if family == "llama":
        model = LlamaForCausalLM(
            LlamaConfig(
                hidden_size=width,
                intermediate_size=width + 4,
                num_hidden_layers=layers,
                num_attention_heads=2,
                max_position_embeddings=64,
                tie_word_embeddings=True,
                **common,
            )
        )
    elif family == "gpt2":
        model = GPT2LMHeadModel(
            GPT2Config(n_embd=width, n_layer=layers, n_head=2, n_positions=64, n_inner=width + 4, **common)
        )
    else:
        model = GPTNeoXForCausalLM(
            GPTNeoXConfig(
                hidden_size=width,
                intermediate_size=width + 4,
                num_hidden_layers=layers,
                num_attention_heads=2,
                max_position_embeddings=64,
                **common,
            )
        )
    model = model.to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def tiny_model(family: str, dtype: torch.dtype, track: str = "mlp") -> LanguageModel:
    """The engine's view of a tiny model, without a tokenizer."""
    return LanguageModel(hf_model(family, dtype), track=track)


def sequences(count: int, seed: int = 3, longest: int = 9) -> list[Sequence]:
    """Random sequences of lengths 2 to `longest`."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, longest + 1, (count,), generator=generator).tolist()
    return [Sequence(torch.randint(0, VOCABULARY, (n,), generator=generator).tolist()) for n in lengths]


def log_likelihood(model: LanguageModel, ids: Series[int], start: int = 1, labels: Series[int] | None = None) -> Tensor:
    """log p of ids[start:] (or of other labels at those places) given what precedes, with a graph."""
    tokens = torch.tensor([list(ids)])
    logits = model.hf_model(input_ids=tokens).logits[0, start - 1 : -1]
    targets = torch.tensor(list(labels if labels is not None else ids[start:]))
    return torch.log_softmax(logits, dim=-1).gather(1, targets[:, None]).sum()


def weight_gradients(model: LanguageModel, value: Tensor) -> dict[str, Tensor]:
    """autograd's gradient of a value in each tracked weight as [out, in], the bias's as a last column."""
    gradients = {}
    for name, module in model.modules.items():
        weight = torch.autograd.grad(value, module.weight, retain_graph=True)[0]
        oriented = weight.T if isinstance(module, Conv1D) else weight
        if module.bias is not None:
            bias = torch.autograd.grad(value, module.bias, retain_graph=True)[0]
            oriented = torch.cat([oriented, bias[:, None]], dim=1)
        gradients[name] = oriented
    return gradients


def move_weights(model: LanguageModel, step: dict[str, Tensor], size: float) -> None:
    """Add size x step ([out, in], last column the bias) to every tracked weight, in place."""
    with torch.no_grad():
        for name, module in model.modules.items():
            delta = step[name] * size
            if module.bias is not None:
                module.bias += delta[:, -1]
                delta = delta[:, :-1]
            module.weight += delta.T if isinstance(module, Conv1D) else delta
