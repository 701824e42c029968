"""How a model's tokenizer reads text, from its stored `tokenizer.json` alone: no torch, no transformers.

The rules are the engine's (a test holds them equal): prompt and completion are joined, with one space between
if neither side has white space there, and tokenised once; a token that ends after the prompt belongs to the
completion; a beginning-of-sequence token is put in front if the tokenizer has one. What a person typed is ordinary
text, also where it looks like a special token.
"""

import json
from collections.abc import Sequence as Many
from dataclasses import dataclass
from functools import lru_cache

from tokenizers import Tokenizer


@dataclass(frozen=True)
class Reading:
    """A text as tokens. `offsets[i]` is the stretch of characters token i shows; an added BOS shows none.

    `spans` are the stretches as the tokenizer tells them, which may overlap and leave out white space.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]
    pieces: list[str]
    spans: list[tuple[int, int]]


@lru_cache(maxsize=16)
def tokenizer(tokenizer_json: str) -> Tokenizer:
    """The tokenizer that the text of a `tokenizer.json` describes, never truncating or padding."""
    made = Tokenizer.from_str(tokenizer_json)
    made.no_truncation()
    made.no_padding()
    return made


@lru_cache(maxsize=16)
def plain_tokenizer(tokenizer_json: str) -> Tokenizer:
    """The same, to which the text of a special token is text like any other."""
    made = Tokenizer.from_str(tokenizer_json)
    made.no_truncation()
    made.no_padding()
    made.encode_special_tokens = True
    return made


@lru_cache(maxsize=16)
def special_tokens(tokenizer_json: str) -> tuple[str, ...]:
    """The texts that the tokenizer reads as special tokens."""
    return tuple(token["content"] for token in json.loads(tokenizer_json)["added_tokens"] if token["special"])


def read(tokenizer_json: str, text: str, begins_with: int | None) -> Reading:
    """A document as tokens, with the beginning-of-sequence token `begins_with` in front if there is one."""
    return _read(tokenizer(tokenizer_json), text, begins_with)


def read_typed(tokenizer_json: str, text: str, begins_with: int | None) -> Reading:
    """The same for what a person typed: none of it is a special token."""
    return _read(plain_tokenizer(tokenizer_json), text, begins_with)


def _read(made: Tokenizer, text: str, begins_with: int | None) -> Reading:
    encoded = made.encode(text, add_special_tokens=False)
    found = _reading(text, list(encoded.ids), list(encoded.offsets))
    if begins_with is None:
        return found
    bos = made.id_to_token(begins_with) or ""
    nowhere = (0, 0)
    return Reading([begins_with, *found.ids], [nowhere, *found.offsets], [bos, *found.pieces], [nowhere, *found.spans])


def _reading(text: str, ids: list[int], spans: list[tuple[int, int]]) -> Reading:
    offsets = cover(spans)
    return Reading(ids, offsets, [text[start:stop] for start, stop in offsets], spans)


def read_chat(tokenizer_json: str, text: str, typed: Many[tuple[int, int]]) -> Reading:
    """A rendered chat as tokens: its special tokens are special, but for the stretches that a person typed."""
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    done = 0
    for start, stop in [*typed, (len(text), len(text))]:
        for made, begin, end in ((tokenizer, done, start), (plain_tokenizer, start, stop)):
            if begin == end:
                continue
            encoded = made(tokenizer_json).encode(text[begin:end], add_special_tokens=False)
            ids += encoded.ids
            spans += [(begin + first, begin + last) for first, last in encoded.offsets]
        done = stop
    return _reading(text, ids, spans)


def overlapping(
    text: str, spans: Many[tuple[int, int]], stretches: Many[tuple[int, int]], shift: int
) -> tuple[int, ...]:
    """The places of the tokens whose own characters overlap a stretch; stretches are counted from `shift` on.

    White space before a word belongs to its token without being the token's own; a token of white space owns it.
    """
    wanted = [(start + shift, stop + shift) for start, stop in stretches]
    found = []
    for place, (start, stop) in enumerate(spans):
        own = stop - len(text[start:stop].lstrip()) if text[start:stop].strip() else start
        if any(own < end and begin < stop for begin, end in wanted):
            found.append(place)
    return tuple(found)


def cover(offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Offsets that follow one another without gap or overlap, so that the pieces put together are the text.

    Tokenizers leave out the white space before a word, and give every part of one character the whole
    character; here white space goes with what follows it, and the first part shows the character.
    """
    covered, end = [], 0
    for _, stop in offsets:
        covered.append((end, max(end, stop)))
        end = max(end, stop)
    return covered


def join(prompt: str, completion: str) -> str:
    """Prompt and completion as one text, one space between if neither side has white space there."""
    apart = prompt[-1:].isspace() or completion[:1].isspace() or not prompt or not completion
    return prompt + completion if apart else f"{prompt} {completion}"


def split(reading: Reading, prompt: str) -> int:
    """How many tokens of the joined text belong to the prompt: those that end within it."""
    return split_at(reading, len(prompt))


def split_at(reading: Reading, boundary: int) -> int:
    """How many tokens end within the first `boundary` characters."""
    return next((i for i, (_, stop) in enumerate(reading.offsets) if stop > boundary), len(reading.ids))
