"""A chat as the text a model reads: its chat template, rendered as transformers renders it, but without transformers.

A template is a program that comes with a model, so it runs in a sandbox. What a person typed stays ordinary text: where
it holds the text of a special token, the rendered chat says so, and it is not read as that token.
"""

import json
import re
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from app.services.errors import InvalidInput

Message = Mapping[str, str]
# The first planes of characters that no text has a meaning for.
_PRIVATE = range(0xE000, 0xF8FF)
# The names under which templates know special tokens.
_SPOKEN_OF = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@dataclass(frozen=True)
class Rendered:
    """A chat as text. `typed` are the stretches that look like special tokens and were typed by a person."""

    text: str
    typed: tuple[tuple[int, int], ...]


def messages(prompt: str, system: str | None) -> list[dict[str, str]]:
    """A chat of one turn: what the system is told, if anything, and what the user says."""
    told = [] if system is None else [{"role": "system", "content": system}]
    return [*told, {"role": "user", "content": prompt}]


def self_contained(template: Any, special_tokens: Mapping[str, Any]) -> str | None:
    """A tokenizer's template with the special tokens it speaks of set in front, so that it needs nothing else.

    template: the text; or several by name, of which that for chats is taken. None where there is none.
    """
    if isinstance(template, list):
        template = {each["name"]: each["template"] for each in template}
    if isinstance(template, Mapping):
        template = template.get("default")
    if not isinstance(template, str):
        return None
    named = {name: _text(special_tokens.get(name)) for name in _SPOKEN_OF if re.search(rf"\b{name}\b", template)}
    told = {name: token for name, token in named.items() if token is not None}
    # A line each: what follows begins a line, as it did without them.
    return "".join(f"{{% set {name} = {json.dumps(token)} %}}\n" for name, token in told.items()) + template


def _text(token: Any) -> str | None:
    found = token.get("content") if isinstance(token, Mapping) else token
    return None if found is None else str(found)


def render(template: str, chat: Many[Message], special: Iterable[str], moment: datetime, model: str) -> Rendered:
    """The chat as text, up to where the assistant's turn begins.

    special: the special tokens' texts. moment: what the template is told when it asks for the date.

    Raises: InvalidInput when the template refuses the chat, or fails.
    """
    opening, closing = _marks([template, *(message["content"] for message in chat)])
    shown = [{**message, "content": _marked(message["content"], special, opening, closing)} for message in chat]
    try:
        text = _compiled(template).render(
            messages=shown,
            tools=None,
            documents=None,
            add_generation_prompt=True,
            strftime_now=moment.strftime,
        )
    except Exception as error:
        # The template's author may raise anything.
        raise _refused(model, chat, error) from error
    return _unmarked(text, opening, closing)


def _refused(model: str, chat: Many[Message], error: Exception) -> InvalidInput:
    said = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
    remedy = "Ask with format text, or choose another model."
    if any(message["role"] == "system" for message in chat):
        remedy = "Leave out the system message, or choose another model."
    return InvalidInput(f"The chat template of {model!r} refuses this chat: {said}", remedy, "format")


def no_template(model: str) -> InvalidInput:
    """What is told where a model has no chat template."""
    return InvalidInput(
        f"The model {model!r} has no chat template, so it cannot be asked as a chat.",
        "Ask with format text, or choose a model that was trained on chats.",
        "format",
    )


def _marks(texts: Iterable[str]) -> tuple[str, str]:
    """Two characters that stand in none of the texts."""
    taken = set("".join(texts))
    free = (chr(code) for code in _PRIVATE if chr(code) not in taken)
    return next(free), next(free)


def typed_in(text: str, special: Iterable[str]) -> list[tuple[int, int]]:
    """Where a text holds the text of a special token."""
    longest_first = sorted((token for token in special if token), key=len, reverse=True)
    if not longest_first:
        return []
    return [found.span() for found in re.finditer("|".join(map(re.escape, longest_first)), text)]


def _marked(text: str, special: Iterable[str], opening: str, closing: str) -> str:
    shown: list[str] = []
    done = 0
    for start, stop in typed_in(text, special):
        shown += [text[done:start], opening, text[start:stop], closing]
        done = stop
    return "".join([*shown, text[done:]])


def _unmarked(text: str, opening: str, closing: str) -> Rendered:
    """The text without marks. A template may have taken a message apart: a mark without its partner says nothing."""
    shown = ""
    typed: list[tuple[int, int]] = []
    begun: int | None = None
    for piece in re.split(f"([{opening}{closing}])", text):
        if piece == opening:
            begun = len(shown)
        elif piece == closing:
            typed += [] if begun is None else [(begun, len(shown))]
            begun = None
        else:
            shown += piece
    return Rendered(shown, tuple(typed))


class _Generation(Extension):
    """`{% generation %}` marks what an assistant writes, which training asks for; its body is shown as it stands."""

    tags = {"generation"}  # noqa: RUF012 - jinja reads it from the class

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The statements inside."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _PlainNamespace(Namespace):
    """A namespace without access to Python's own names."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise SecurityError(f"A template cannot set {name!r}.")
        super().__setitem__(name, value)


def _namespace(**values: Any) -> _PlainNamespace:
    made = _PlainNamespace()
    for name, value in values.items():
        made[name] = value
    return made


def _dict(**values: Any) -> dict[str, Any]:
    return values


def _raise(message: str) -> None:
    raise TemplateError(message)


def _as_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


@lru_cache(maxsize=16)
def _compiled(template: str) -> Template:
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    made.filters["tojson"] = _as_json
    made.globals |= {"raise_exception": _raise, "dict": _dict, "namespace": _namespace}
    return made.from_string(template)
