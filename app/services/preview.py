"""How models would read a prompt and a completion, before anything is asked of them."""

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app.models import Model
from app.services import tokenizing
from app.services.errors import InvalidInput
from app.services.shapes import Problem, TokenPreview


def preview(session: Session, prompt: str, completion: str, models: list[str]) -> list[TokenPreview]:
    """The tokens of prompt and completion under each model, and what stands in the way of asking it."""
    return [_preview(_model(session, name), prompt, completion) for name in dict.fromkeys(models)]


def _model(session: Session, name: str) -> Model:
    model = session.get(Model, name, options=[undefer(Model.tokenizer_json)])
    if model is None:
        known = ", ".join(session.scalars(select(Model.name).order_by(Model.created_at))) or "none yet"
        raise InvalidInput(
            f"There is no model named {name!r}.",
            f"Choose from: {known}. `influence model add NAME SOURCE` adds one.",
            "models",
        )
    return model


def _preview(model: Model, prompt: str, completion: str) -> TokenPreview:
    if model.tokenizer_json is None:
        problem = Problem(
            problem=f"The model {model.name!r} has not been read yet, so its tokens cannot be shown.",
            remedy="It can be asked already; the run waits until the model is ready.",
        )
        return _shape(model, [], [], problem)
    before, after = _sides(model, prompt, completion)
    return _shape(model, before, after, _problem(model, len(before), len(after)))


def _sides(model: Model, prompt: str, completion: str) -> tuple[list[str], list[str]]:
    reading = tokenizing.read(model.tokenizer_json or "", tokenizing.join(prompt, completion), model.begins_with)
    cut = tokenizing.split(reading, prompt)
    return reading.pieces[:cut], reading.pieces[cut:]


def obstacle(model: Model, prompt: str, completion: str) -> Problem | None:
    """Why a model that has been read cannot be asked this, or None. Needs the row's `tokenizer_json`."""
    before, after = _sides(model, prompt, completion)
    return _problem(model, len(before), len(after))


def _problem(model: Model, before: int, after: int) -> Problem | None:
    if after == 0:
        return Problem(
            problem=f"The completion has no token under the tokenizer of {model.name!r}.",
            remedy="Write a completion with characters that this tokenizer knows.",
        )
    if before == 0:
        return Problem(
            problem=f"Under the tokenizer of {model.name!r} no token of the prompt precedes the completion.",
            remedy="Write a longer prompt.",
        )
    if model.context_length is not None and before + after > model.context_length:
        return Problem(
            problem=f"Prompt and completion have {before + after} tokens under {model.name!r}; "
            f"its context holds {model.context_length}.",
            remedy=f"Shorten them by {before + after - model.context_length} tokens.",
        )
    return None


def _shape(model: Model, before: list[str], after: list[str], problem: Problem | None) -> TokenPreview:
    return TokenPreview(
        model=model.name,
        prompt_tokens=before,
        completion_tokens=after,
        context_length=model.context_length,
        problem=problem,
    )
