"""How many planted facts a model completes exactly, taking the likeliest token each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from app.demo.bundle import DemoQuery
from app.demo.make.tokenizer import BOS, token_id


@dataclass(frozen=True)
class Answer:
    """Whether greedy decoding gives the completion, and its log-probability in nats."""

    exact: bool
    log_p: float


def split(tokenizer: Tokenizer, query: DemoQuery) -> tuple[list[int], list[int]]:
    """Ids of prompt and completion, of the text tokenised as one.

    A token that ends after the prompt belongs to the completion.
    """
    encoding = tokenizer.encode(f"{query.prompt} {query.completion}", add_special_tokens=False)
    first = next(i for i, (_, end) in enumerate(encoding.offsets) if end > len(query.prompt))
    bos = token_id(tokenizer, BOS)
    return [bos, *encoding.ids[:first]], encoding.ids[first:]


@torch.no_grad()
def answer(model: LlamaForCausalLM, tokenizer: Tokenizer, query: DemoQuery) -> Answer:
    """One forward pass over prompt and completion.

    Greedy decoding gives the completion exactly when each of its tokens is the likeliest
    after the tokens before it.
    """
    prompt, completion = split(tokenizer, query)
    logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
    targets = torch.tensor(completion)
    log_p = logits.log_softmax(-1).gather(1, targets[:, None]).sum()
    return Answer(bool((logits.argmax(-1) == targets).all()), float(log_p))


def fact_recall(model: LlamaForCausalLM, tokenizer: Tokenizer, queries: Sequence[DemoQuery]) -> tuple[float, float]:
    """Share of exact completions, and the mean log-probability of the completions."""
    answers = [answer(model, tokenizer, query) for query in queries]
    exact = sum(each.exact for each in answers) / len(answers)
    return exact, sum(each.log_p for each in answers) / len(answers)
