"""Queries of text -> token ids, prompt and completion tokenised once, together."""

from collections.abc import Iterator
from collections.abc import Sequence as Series
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from engine.errors import QueryError
from engine.model.language_model import LanguageModel
from engine.terms import Query


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """Token ids of a query; `completion_start` is the position of the first completion token."""

    ids: tuple[int, ...]
    completion_start: int


@dataclass(frozen=True, slots=True)
class QueryBatch:
    """Right-padded queries; `counted` are the positions that predict a completion token, `labels` the next tokens."""

    index: tuple[int, ...]
    ids: Int[Tensor, "query token"]
    labels: Int[Tensor, "query token"]
    counted: Bool[Tensor, "query token"]


def query_batches(encoded: Series[EncodedQuery], batch_tokens: int, device: torch.device) -> Iterator[QueryBatch]:
    """Queries of similar lengths together, their padded size within `batch_tokens` (a longer one stands alone)."""
    waiting = sorted(range(len(encoded)), key=lambda place: (len(encoded[place].ids), place))
    while waiting:
        few = 1
        while few < len(waiting) and (few + 1) * len(encoded[waiting[few]].ids) <= batch_tokens:
            few += 1
        chosen, waiting = waiting[:few], waiting[few:]
        yield _query_batch(tuple(chosen), [encoded[place] for place in chosen], device)


def _query_batch(index: tuple[int, ...], chosen: Series[EncodedQuery], device: torch.device) -> QueryBatch:
    ids = torch.zeros(len(chosen), len(chosen[-1].ids), dtype=torch.int64)
    counted = torch.zeros_like(ids, dtype=torch.bool)
    for row, query in enumerate(chosen):
        ids[row, : len(query.ids)] = torch.tensor(query.ids)
        counted[row, query.completion_start - 1 : len(query.ids) - 1] = True
    return QueryBatch(index, ids.to(device), ids.roll(-1, dims=1).to(device), counted.to(device))


def joined(prompt: str, completion: str) -> tuple[str, int]:
    """Prompt and completion as one text, one space between if neither side has white space there.

    The number is where the prompt ends, in characters: a token that ends after it belongs to the completion.
    """
    gap = "" if prompt[-1:].isspace() or completion[:1].isspace() else " "
    return prompt + gap + completion, len(prompt)


def encode_query(model: LanguageModel, query: Query) -> EncodedQuery:
    """Ids of a query for one model.

    Raises: QueryError for an empty side, a completion without a token of its own, an id outside the
        vocabulary, text without a tokenizer, and more tokens than the model's context.
    """
    if query.prompt_ids is not None and query.completion_ids is not None:
        encoded = EncodedQuery((*query.prompt_ids, *query.completion_ids), len(query.prompt_ids))
    else:
        encoded = _encode_text(model, query)
    _check(model, encoded)
    return encoded


def _encode_text(model: LanguageModel, query: Query) -> EncodedQuery:
    for side, text in (("prompt", query.prompt), ("completion", query.completion)):
        if not text.strip():
            raise QueryError(f"The {side} is empty: {text!r}.", f"Write a {side} with at least one word.")
    if model.tokenizer is None:
        raise QueryError("The model has no tokenizer, so text cannot be encoded.", "Use Query.from_ids.")
    text, boundary = joined(query.prompt, query.completion)
    tokens = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    start = next((i for i, (_, end) in enumerate(tokens["offset_mapping"]) if end > boundary), None)
    if start is None:
        raise QueryError(f"The completion {query.completion!r} has no token of its own.", "Write a longer completion.")
    prefix = [] if model.bos_token_id is None else [model.bos_token_id]
    if start + len(prefix) == 0:
        raise QueryError(
            f"No token precedes the completion: the tokenizer joins {query.prompt!r} with {query.completion!r}.",
            "Write a longer prompt.",
        )
    return EncodedQuery((*prefix, *tokens["input_ids"]), start + len(prefix))


def _check(model: LanguageModel, encoded: EncodedQuery) -> None:
    length, context = len(encoded.ids), model.context_length
    if context is not None and length > context:
        raise QueryError(
            f"The query has {length} tokens, more than the model's context of {context}.",
            f"Shorten it by {length - context} tokens or more.",
        )
    vocabulary = model.hf_model.get_input_embeddings().weight.shape[0]
    outside = [i for i in encoded.ids if not 0 <= i < vocabulary]
    if outside:
        raise QueryError(
            f"Token id {outside[0]} lies outside the model's vocabulary of {vocabulary}.",
            "Use the tokenizer that belongs to the model.",
        )
