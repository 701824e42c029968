"""What is put to a model, and how it reads it: prompt or chat, completion, and which of its tokens count.

A prompt is text, or the messages of a chat that each model's chat template turns into text; the completion is then the
assistant's turn. A completion that a model wrote follows the prompt as it stands; otherwise one space is put between
prompt and completion if neither side has white space there. In a chat nothing is put between.
"""

from collections.abc import Sequence as Many
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.columns import now
from app.models import Model, Query
from app.services import chat, tokenizing
from app.services.chat import Message
from app.services.errors import InvalidInput
from app.services.shapes import QueryForm

Stretch = tuple[int, int]
MOST_KEPT = 500


@dataclass(frozen=True)
class Question:
    """One text to measure. `counted` are stretches of the completion's characters; None counts all of it.

    as_written: whether the completion follows the prompt without a space of ours. asked_at: a template's date.
    """

    prompt: str
    completion: str
    chat: tuple[Message, ...] | None = None
    counted: tuple[Stretch, ...] | None = None
    as_written: bool = False
    asked_at: datetime = field(default_factory=now)

    @property
    def words(self) -> str:
        """Prompt and completion as one text, without what a template puts around them."""
        together = self.prompt + self.completion if self.as_written else tokenizing.join(self.prompt, self.completion)
        return f"{self.prompt}\n{self.completion}" if self.chat is not None else together


@dataclass(frozen=True)
class AskedTokens:
    """A question as one model's tokens: the first `cut` are the prompt's.

    counted: the places in the completion that count. stretches: the completion's characters that each of its tokens
    stands for.
    """

    ids: list[int]
    pieces: list[str]
    cut: int
    counted: tuple[int, ...] | None
    stretches: list[Stretch]


def of_row(query: Query) -> Question:
    """What a stored query asks."""
    return Question(
        prompt=query.prompt,
        completion=query.completion,
        chat=None if query.chat is None else tuple(query.chat),
        counted=None if query.counted is None else tuple((start, stop) for start, stop in query.counted),
        as_written=query.writer is not None,
        # A row that is not stored yet has no time.
        asked_at=query.created_at or now(),
    )


def against(query: Query) -> Question | None:
    """What a stored query is held against: the same with another completion."""
    if query.against is None:
        return None
    return replace(of_row(query), completion=query.against, counted=None, as_written=False)


def against_of(form: QueryForm) -> Question | None:
    """What a form's completion is held against."""
    if form.against is None:
        return None
    return replace(of_form(form), completion=form.against, counted=None, as_written=False)


def of_form(form: QueryForm) -> Question:
    """What a form asks, before it is stored."""
    parts = extras(form)
    return Question(
        prompt=form.prompt,
        completion=form.completion,
        chat=None if parts["chat"] is None else tuple(parts["chat"]),
        counted=None if parts["counted"] is None else tuple((start, stop) for start, stop in parts["counted"]),
        as_written=form.writer is not None,
    )


def form_of(query: Query, **changed: Any) -> QueryForm:
    """The form that asks a stored query's question of its corpus, with other models, scope or the like."""
    told = [message["content"] for message in query.chat or () if message["role"] == "system"]
    given = {
        "prompt": query.prompt,
        "completion": "" if query.writer is not None else query.completion,
        "format": "text" if query.chat is None else "chat",
        "system": told[0] if told else None,
        "against": query.against,
        "counted": query.counted,
        "writer": query.writer,
        "writing": query.writing or {},
        "corpus": query.corpus,
        # Of candidates all are kept, which may be more than a form takes.
        "keep": min(query.keep, MOST_KEPT),
    }
    return QueryForm.model_validate({**given, **changed})


def alike(one: Query, other: Query) -> bool:
    """Whether two stored queries measure the same; neither corpus nor scope is looked at."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("prompt", "completion", "chat", "against", "counted", "writer", "writing")
    )


def extras(form: QueryForm) -> dict[str, Any]:
    """What a form asks beyond prompt and completion, as the columns of a row hold it; None where it does not."""
    return {
        "chat": chat.messages(form.prompt, form.system) if form.format == "chat" else None,
        "against": form.against,
        "counted": merged(form.counted, form.completion),
        "writer": form.writer,
        "writing": None if form.writer is None else form.writing.model_dump(),
    }


def merged(stretches: Many[Stretch] | None, completion: str) -> list[list[int]] | None:
    """Stretches in order, those that touch made one; None where they are all of the completion.

    Raises: InvalidInput for a stretch outside the completion.
    """
    if stretches is None:
        return None
    found: list[list[int]] = []
    for start, stop in sorted(stretches):
        if not 0 <= start < stop <= len(completion):
            raise InvalidInput(
                f"The stretch {start}-{stop} does not lie in the completion of {len(completion)} characters.",
                "Give stretches with 0 <= start < stop <= the completion's length.",
                "counted",
            )
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], stop)
        else:
            found.append([start, stop])
    return None if found == [[0, len(completion)]] else found


def stretches_of(words: str, completion: str) -> list[Stretch]:
    """Every place of the completion where the words stand. Raises: InvalidInput where they do not."""
    found, start = [], completion.find(words) if words else -1
    while start >= 0:
        found.append((start, start + len(words)))
        start = completion.find(words, start + len(words))
    if not found:
        raise InvalidInput(
            f"The completion {completion!r} does not hold {words!r}.",
            "Give words of the completion, as they are written there.",
            "counted",
        )
    return found


def as_tokens(model: Model, asked: Question) -> AskedTokens:
    """The question as the model reads it. Needs the row's `tokenizer_json` and `chat_template`.

    Raises: InvalidInput where the model has no chat template, or it refuses the chat.
    """
    definition = model.tokenizer_json or ""
    if asked.chat is None:
        text, boundary, reading = _plain(definition, model.begins_with, asked)
    else:
        text, boundary, reading = _chat(definition, model, asked)
    cut = tokenizing.split_at(reading, boundary)
    shift = len(text) - len(asked.completion)
    spans, offsets = reading.spans[cut:], reading.offsets[cut:]
    return AskedTokens(
        ids=reading.ids,
        pieces=reading.pieces,
        cut=cut,
        counted=None if asked.counted is None else tokenizing.overlapping(text, spans, asked.counted, shift),
        stretches=[(max(start - shift, 0), max(stop - shift, 0)) for start, stop in offsets],
    )


def _plain(definition: str, begins_with: int | None, asked: Question) -> tuple[str, int, tokenizing.Reading]:
    return asked.words, len(asked.prompt), tokenizing.read_typed(definition, asked.words, begins_with)


def _chat(definition: str, model: Model, asked: Question) -> tuple[str, int, tokenizing.Reading]:
    if model.chat_template is None:
        raise chat.no_template(model.name)
    special = tokenizing.special_tokens(definition)
    rendered = chat.render(model.chat_template, asked.chat or (), special, asked.asked_at, model.name)
    boundary = len(rendered.text)
    typed = [(boundary + start, boundary + stop) for start, stop in chat.typed_in(asked.completion, special)]
    text = rendered.text + asked.completion
    # The template says itself what a text begins with.
    return text, boundary, tokenizing.read_chat(definition, text, [*rendered.typed, *typed])
