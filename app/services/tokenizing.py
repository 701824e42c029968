"""How a model's tokenizer reads text, from its stored `tokenizer.json` alone: no torch, no transformers.

The rules are the engine's (a test holds them equal): prompt and completion are joined, with one space between
if neither side has white space there, and tokenised once; a token that ends after the prompt belongs to the
completion; a beginning-of-sequence token is put in front if the tokenizer has one.
"""

from dataclasses import dataclass
from functools import lru_cache

from tokenizers import Tokenizer


@dataclass(frozen=True)
class Reading:
    """A text as tokens. `offsets[i]` is the stretch of characters token i shows; an added BOS shows none."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    pieces: list[str]


@lru_cache(maxsize=16)
def tokenizer(tokenizer_json: str) -> Tokenizer:
    """The tokenizer that the text of a `tokenizer.json` describes, never truncating or padding."""
    made = Tokenizer.from_str(tokenizer_json)
    made.no_truncation()
    made.no_padding()
    return made


def read(tokenizer_json: str, text: str, begins_with: int | None) -> Reading:
    """`text` as tokens, with the beginning-of-sequence token `begins_with` in front if there is one."""
    made = tokenizer(tokenizer_json)
    encoded = made.encode(text, add_special_tokens=False)
    ids, offsets = list(encoded.ids), cover(encoded.offsets)
    shown = [text[start:stop] for start, stop in offsets]
    if begins_with is None:
        return Reading(ids, offsets, shown)
    bos = made.id_to_token(begins_with) or ""
    return Reading([begins_with, *ids], [(0, 0), *offsets], [bos, *shown])


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
    return next((i for i, (_, stop) in enumerate(reading.offsets) if stop > len(prompt)), len(reading.ids))
