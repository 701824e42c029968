"""Queries of text -> token ids, prompt and completion tokenised once, together."""

from collections.abc import Iterator
from collections.abc import Sequence as Series
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from engine.errors import QueryError
from engine.model.language_model import LanguageModel
from engine.terms import Contrast, Measurement, Query, Stretch


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """Token ids of a query; `completion_start` is the position of the first completion token.

    counted: the places in the completion whose tokens count; None where all do.
    """

    ids: tuple[int, ...]
    completion_start: int
    counted: tuple[int, ...] | None = None

    @property
    def parts(self) -> tuple["EncodedQuery", ...]:
        """The texts that the measurement runs over: this one."""
        return (self,)


@dataclass(frozen=True, slots=True)
class EncodedContrast:
    """Two encoded queries, of which the second's log p is taken from the first's."""

    query: EncodedQuery
    against: EncodedQuery

    @property
    def parts(self) -> tuple[EncodedQuery, ...]:
        """The texts that the measurement runs over: both."""
        return self.query, self.against


Encoded = EncodedQuery | EncodedContrast


@dataclass(frozen=True, slots=True)
class QueryBatch:
    """Right-padded measurements; `counted` are the positions that predict a counted token, `labels` the next tokens.

    A batch of contrasts holds the queries' rows first, then in the same order those they are held against.
    """

    index: tuple[int, ...]
    ids: Int[Tensor, "row token"]
    labels: Int[Tensor, "row token"]
    counted: Bool[Tensor, "row token"]

    @property
    def contrasts(self) -> bool:
        """Whether it holds contrasts; else it holds queries."""
        return len(self.ids) > len(self.index)


def query_batches(encoded: Series[Encoded], batch_tokens: int, device: torch.device) -> Iterator[QueryBatch]:
    """Measurements of one kind and similar lengths together, within `batch_tokens` (a longer one stands alone)."""
    sizes = [(len(each.parts), max(len(part.ids) for part in each.parts)) for each in encoded]
    waiting = sorted(range(len(encoded)), key=lambda place: (*sizes[place], place))
    while waiting:
        few, (parts, _) = 1, sizes[waiting[0]]
        for place in waiting[1:]:
            if sizes[place][0] != parts or (few + 1) * parts * sizes[place][1] > batch_tokens:
                break
            few += 1
        chosen, waiting = waiting[:few], waiting[few:]
        rows = [encoded[place].parts[part] for part in range(parts) for place in chosen]
        yield _query_batch(tuple(chosen), rows, device)


def _query_batch(index: tuple[int, ...], rows: Series[EncodedQuery], device: torch.device) -> QueryBatch:
    ids = torch.zeros(len(rows), max(len(row.ids) for row in rows), dtype=torch.int64)
    counted = torch.zeros_like(ids, dtype=torch.bool)
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = torch.tensor(row.ids)
        before = row.completion_start - 1
        if row.counted is None:
            counted[number, before : len(row.ids) - 1] = True
        else:
            counted[number, [before + place for place in row.counted]] = True
    return QueryBatch(index, ids.to(device), ids.roll(-1, dims=1).to(device), counted.to(device))


def joined(prompt: str, completion: str) -> tuple[str, int]:
    """Prompt and completion as one text, one space between if neither side has white space there.

    The number is where the prompt ends, in characters: a token that ends after it belongs to the completion.
    """
    gap = "" if prompt[-1:].isspace() or completion[:1].isspace() else " "
    return prompt + gap + completion, len(prompt)


def encode(model: LanguageModel, asked: Measurement) -> Encoded:
    """Ids of a measurement for one model. Raises: as `encode_query`."""
    if isinstance(asked, Contrast):
        return EncodedContrast(encode_query(model, asked.query), encode_query(model, asked.against))
    return encode_query(model, asked)


def as_ids(model: LanguageModel, asked: Measurement) -> Measurement:
    """The same measurement given as token ids. Raises: as `encode_query`."""
    if isinstance(asked, Contrast):
        return Contrast(_query_as_ids(model, asked.query), _query_as_ids(model, asked.against))
    return _query_as_ids(model, asked)


def _query_as_ids(model: LanguageModel, query: Query) -> Query:
    found = encode_query(model, query)
    return Query.from_ids(found.ids[: found.completion_start], found.ids[found.completion_start :], found.counted)


def encode_query(model: LanguageModel, query: Query) -> EncodedQuery:
    """Ids of a query for one model. What looks like a special token in its text is ordinary text.

    Raises: QueryError for an empty side, a completion without a token of its own or without one that counts, an id
        outside the vocabulary, text without a tokenizer, and more tokens than the model's context.
    """
    if query.prompt_ids is not None and query.completion_ids is not None:
        ids = (*query.prompt_ids, *query.completion_ids)
        encoded = EncodedQuery(ids, len(query.prompt_ids), _places(query.counted))
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
    tokens = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True)
    offsets = tokens["offset_mapping"]
    start = next((i for i, (_, end) in enumerate(offsets) if end > boundary), None)
    if start is None:
        raise QueryError(f"The completion {query.completion!r} has no token of its own.", "Write a longer completion.")
    prefix = [] if model.bos_token_id is None else [model.bos_token_id]
    if start + len(prefix) == 0:
        raise QueryError(
            f"No token precedes the completion: the tokenizer joins {query.prompt!r} with {query.completion!r}.",
            "Write a longer prompt.",
        )
    shift = len(text) - len(query.completion)
    counted = None if query.counted is None else overlapping(text, offsets[start:], query.counted, shift)
    return EncodedQuery((*prefix, *tokens["input_ids"]), start + len(prefix), counted)


def _places(stretches: Series[Stretch] | None) -> tuple[int, ...] | None:
    if stretches is None:
        return None
    return tuple(sorted({place for stretch in stretches for place in range(*stretch)}))


def overlapping(text: str, offsets: Series[Stretch], stretches: Series[Stretch], shift: int) -> tuple[int, ...]:
    """The places of the tokens whose own characters overlap a stretch; stretches are counted from `shift` on.

    White space before a word belongs to its token without being the token's own; a token of white space owns it.
    """
    wanted = [(start + shift, stop + shift) for start, stop in stretches]
    found = []
    for place, (start, stop) in enumerate(offsets):
        own = stop - len(text[start:stop].lstrip()) if text[start:stop].strip() else start
        if any(own < end and begin < stop for begin, end in wanted):
            found.append(place)
    return tuple(found)


def _check(model: LanguageModel, encoded: EncodedQuery) -> None:
    if encoded.counted is not None and not encoded.counted:
        raise QueryError("None of the completion's tokens counts.", "Count at least one, or leave `counted` out.")
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
