"""Letting a model write a completion: token by token, the likeliest or drawn with a seed of its own."""

from collections.abc import Iterator
from collections.abc import Sequence as Series
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache

from engine.errors import QueryError
from engine.model.language_model import LanguageModel
from engine.terms import Progress, ProgressCallback, Writing, silent

# What decoding shows for bytes that are no character, and the one character that neither files nor databases hold.
_UNREADABLE = ("\ufffd", "\0")


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote after a prompt: the tokens, and the text they add to the prompt's."""

    text: str
    ids: tuple[int, ...]


def write_completion(
    model: LanguageModel,
    prompt: str | Series[int],
    writing: Writing = Writing(),
    progress: ProgressCallback = silent,
) -> Written:
    """What the model writes after a prompt, given as text (encoded as documents are) or as token ids.

    It ends before the first special token (an end of sequence or of a turn), where the context is full, or after
    `writing.max_tokens`; and before bytes that form no character, so that the text says all of it. The text begins
    where the prompt ends, white space included. The same seed gives the same text on the same machine.

    Raises: QueryError when nothing readable is written; ModelError for text without a tokenizer.
    """
    ids = list(model.encode(prompt) if isinstance(prompt, str) else prompt)
    if not ids:
        raise QueryError("The prompt has no token, so nothing can follow it.", "Write a prompt.")
    found: list[int] = []
    with _reading(model):
        for token in _tokens(model, ids, writing):
            found.append(token)
            progress(Progress("writing", len(found), writing.max_tokens))
    written = _readable(model, ids, found)
    if not written.ids or (model.tokenizer is not None and not written.text.strip()):
        raise QueryError(
            f"The model wrote nothing that can be read (temperature {writing.temperature:g}, seed {writing.seed}).",
            "Give another seed with a temperature above zero, more tokens, or a longer prompt.",
        )
    return written


def _tokens(model: LanguageModel, prompt: list[int], writing: Writing) -> Iterator[int]:
    """The tokens one after another, until one that ends the text."""
    chance = torch.Generator().manual_seed(writing.seed)
    ends = _ends(model)
    room = writing.max_tokens
    if model.context_length is not None:
        room = min(room, model.context_length - len(prompt))
    if room < 1:
        raise QueryError(
            f"The prompt's {len(prompt)} tokens fill the model's context of {model.context_length}.",
            "Shorten the prompt.",
        )
    # Filled by the model as it reads, so that no token is read twice.
    kept = {_cache_name(model.hf_model): DynamicCache(config=model.hf_model.config)}
    read = prompt
    for _ in range(room):
        ids = torch.tensor([read], device=model.device)
        output = model.hf_model(input_ids=ids, use_cache=True, **kept)
        token = _chosen(output.logits[0, -1], writing.temperature, chance)
        if token in ends:
            return
        yield token
        read = [token]


def _cache_name(hf_model: Any) -> str:
    """What a model calls what it has read: transformers renamed it with 5.24, and warns of the older name."""
    return "cache" if "cache" in signature(hf_model.forward).parameters else "past_key_values"


def _chosen(logits: Float[Tensor, " vocabulary"], temperature: float, chance: torch.Generator) -> int:
    """The likeliest token, or one drawn on the CPU, whose generator gives the same numbers everywhere."""
    if temperature == 0:
        return int(logits.argmax())
    shares = torch.softmax(logits.cpu().double() / temperature, dim=-1)
    return int(torch.multinomial(shares, 1, generator=chance))


def _ends(model: LanguageModel) -> frozenset[int]:
    """Tokens that no completion holds: all special ones, and what the configurations call an end."""
    found: set[int] = set(model.tokenizer.all_special_ids) if model.tokenizer is not None else set()
    for config in (model.hf_model.config, getattr(model.hf_model, "generation_config", None)):
        ends = getattr(config, "eos_token_id", None)
        found |= set(ends) if isinstance(ends, list | tuple) else {ends} if ends is not None else set()
    return frozenset(found)


def _readable(model: LanguageModel, prompt: list[int], found: list[int]) -> Written:
    """As many of the tokens as make whole characters, with their text; without a tokenizer all, without a text."""
    if model.tokenizer is None:
        return Written("", tuple(found))
    before = _decoded(model, prompt)
    for count in range(len(found), 0, -1):
        text = _decoded(model, [*prompt, *found[:count]])[len(before) :]
        if not any(bad in text for bad in _UNREADABLE):
            return Written(text, tuple(found[:count]))
    return Written("", ())


def _decoded(model: LanguageModel, ids: list[int]) -> str:
    text: str = model.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text


@contextmanager
def _reading(model: LanguageModel) -> Iterator[None]:
    """Without gradients and without dropout; on leaving, the modules are as they were."""
    training = [module for module in model.hf_model.modules() if module.training]
    model.hf_model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
