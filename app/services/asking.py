"""What a form may ask, beside corpus and models: its texts, and what is measured of them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Model, Query
from app.services import question
from app.services.characters import unusable
from app.services.errors import InvalidInput
from app.services.preview import find_model, obstacle
from app.services.shapes import QueryForm


def singles(form: QueryForm) -> list[QueryForm]:
    """A form for each of its completions, in their order."""
    texts = dict.fromkeys([form.completion, *form.completions])
    return [form.model_copy(update={"completion": text, "completions": []}) for text in texts]


# What is to be written, where the name of the field does not say it.
WRITTEN = {
    "against": "a completion to compare with",
    "completions": "each completion",
    "system": "a system message",
}


def check(session: Session, form: QueryForm) -> None:
    """Raises InvalidInput, naming the form's field at fault, where a text is missing or choices contradict another."""
    check_text("prompt", form.prompt)
    _check_chat(form)
    if form.writer is None:
        check_text("completion", form.completion)
    else:
        _check_writer(session, form, form.writer)
    for text in form.completions:
        check_text("completions", text)
    _check_against(form)
    _check_counted(form)


def check_text(field: str, value: str) -> None:
    """Raises InvalidInput where nothing visible is written, or a character that no text holds."""
    if not value.strip():
        wanted = WRITTEN.get(field, f"a {field}")
        raise InvalidInput(f"The {field} is empty.", f"Write {wanted} of at least one visible character.", field)
    bad = unusable(value)
    if bad is not None:
        raise InvalidInput(f"The {field} holds the character {bad}, which is no text.", "Take it out.", field)


def _check_chat(form: QueryForm) -> None:
    if form.system is None:
        return
    if form.format != "chat":
        raise InvalidInput(
            "A system message is given, and the format is text.", "Ask with format chat, or leave it out.", "system"
        )
    check_text("system", form.system)


def _check_against(form: QueryForm) -> None:
    if form.against is None:
        return
    check_text("against", form.against)
    if form.against in (form.completion, *form.completions):
        raise InvalidInput(
            f"The completion {form.against!r} is held against itself, which is always 0.",
            "Write another completion there.",
            "against",
        )


def _check_counted(form: QueryForm) -> None:
    if form.counted is None:
        return
    if form.completions:
        raise InvalidInput(
            "Only some tokens are to count, and there are several completions.",
            "Ask about one completion at a time, or let all tokens count.",
            "counted",
        )
    if not form.counted:
        raise InvalidInput("No token of the completion counts.", "Let at least one count.", "counted")
    question.merged(form.counted, form.completion)


def _check_writer(session: Session, form: QueryForm, writer: str) -> None:
    if form.completion.strip() or form.completions:
        raise InvalidInput(
            f"A completion is given, and {writer!r} is to write one.",
            "Leave the completion empty, or choose no writer.",
            "writer",
        )
    if form.counted is not None:
        raise InvalidInput(
            "Nobody knows yet what will be written, so no part of it can be chosen to count.",
            "Let all tokens count, and ask again about the text once it is there.",
            "counted",
        )
    model = find_model(session, writer, "writer")
    if model.state == "failed":
        raise InvalidInput(f"The model {writer!r} cannot be used: {model.problem}", model.remedy or "", "writer")
    found = None if model.tokenizer_json is None else obstacle(model, question.of_form(form), writer=writer)
    if found is not None:
        raise InvalidInput(found.problem, found.remedy, "writer")


def written_before(session: Session, form: QueryForm) -> str:
    """What the form's writer wrote when it was asked for the same before; empty where it was not."""
    if form.writer is None:
        return form.completion
    asked = question.extras(form)
    chosen = select(Query).where(Query.writer == form.writer, Query.prompt == form.prompt, Query.completion != "")
    alike = (one for one in session.scalars(chosen) if (one.chat, one.writing) == (asked["chat"], asked["writing"]))
    return next((one.completion for one in alike), "")


def check_models(session: Session, form: QueryForm) -> None:
    """Raises InvalidInput where a model that has been read cannot be asked one of the form's completions."""
    for one in singles(form):
        asked = question.of_form(one)
        for name in dict.fromkeys(one.models):
            _check_model(find_model(session, name), asked, one)


def _check_model(model: Model, asked: question.Question, form: QueryForm) -> None:
    if model.state == "failed":
        raise InvalidInput(f"The model {model.name!r} cannot be used: {model.problem}", model.remedy or "", "models")
    if model.tokenizer_json is None:
        return
    if asked.chat is not None:
        # Told by its own field: the text is not at fault.
        question.as_tokens(model, asked)
    found = obstacle(model, asked, question.against_of(form), writer=form.writer)
    if found is not None:
        raise InvalidInput(found.problem, found.remedy, "completion")
