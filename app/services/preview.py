"""How models would read a prompt and a completion, before anything is asked of them."""

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app.models import Model
from app.services.errors import InvalidInput
from app.services.question import AskedTokens, Question, against_of, as_tokens, of_form
from app.services.shapes import Problem, QueryForm, TokenPreview


def preview(session: Session, form: QueryForm) -> list[TokenPreview]:
    """The tokens of what a form asks under each of its models, and what stands in the way of asking it."""
    asked, against = of_form(form), against_of(form)
    return [_preview(find_model(session, name), asked, against, form.writer) for name in dict.fromkeys(form.models)]


def find_model(session: Session, name: str, field: str = "models") -> Model:
    """A model's row with its tokenizer and its chat template. Raises: InvalidInput, naming the field."""
    model = session.get(Model, name, options=[undefer(Model.tokenizer_json), undefer(Model.chat_template)])
    if model is None:
        known = ", ".join(session.scalars(select(Model.name).order_by(Model.created_at))) or "none yet"
        raise InvalidInput(
            f"There is no model named {name!r}.",
            f"Choose from: {known}. `influence model add NAME SOURCE` adds one.",
            field,
        )
    return model


NOTHING = AskedTokens(ids=[], pieces=[], cut=0, counted=None, stretches=[])


def _preview(model: Model, asked: Question, against: Question | None, writer: str | None) -> TokenPreview:
    if model.tokenizer_json is None:
        problem = Problem(
            problem=f"The model {model.name!r} has not been read yet, so its tokens cannot be shown.",
            remedy="It can be asked already; the run waits until the model is ready.",
        )
        return _shape(model, NOTHING, NOTHING, problem)
    try:
        found = as_tokens(model, asked)
        other = NOTHING if against is None else as_tokens(model, against)
    except InvalidInput as error:
        return _shape(model, NOTHING, NOTHING, Problem(problem=error.problem, remedy=error.remedy))
    return _shape(model, found, other, obstacle(model, asked, against, writer=writer))


def obstacle(
    model: Model, asked: Question, against: Question | None = None, *, writer: str | None = None
) -> Problem | None:
    """Why a model that has been read cannot be asked this, or None. Needs the row's tokenizer and chat template.

    writer: who will write the completion; while it is empty only the prompt is looked at.
    """
    questions = [("completion", asked), *([] if against is None else [("text it is held against", against)])]
    try:
        found = [(name, as_tokens(model, question)) for name, question in questions]
    except InvalidInput as error:
        return Problem(problem=error.problem, remedy=error.remedy)
    unwritten = writer is not None and not asked.completion
    problems = (_problem(model, name, tokens, unwritten and tokens is found[0][1]) for name, tokens in found)
    return next((problem for problem in problems if problem is not None), None)


def _problem(model: Model, name: str, found: AskedTokens, unwritten: bool) -> Problem | None:
    before, after = found.cut, len(found.ids) - found.cut
    if after == 0 and not unwritten:
        return Problem(
            problem=f"The {name} has no token under the tokenizer of {model.name!r}.",
            remedy=f"Write a {name} with characters that this tokenizer knows.",
        )
    if before == 0:
        return Problem(
            problem=f"Under the tokenizer of {model.name!r} no token of the prompt precedes the {name}.",
            remedy="Write a longer prompt.",
        )
    if found.counted is not None and not found.counted:
        return Problem(
            problem=f"None of the completion's tokens under the tokenizer of {model.name!r} counts.",
            remedy="Let at least one word of it count.",
        )
    longest = None if model.context_length is None else model.context_length - (1 if unwritten else 0)
    if longest is not None and before + after > longest:
        return Problem(
            problem=f"Prompt and completion have {before + after} tokens under {model.name!r}; "
            f"its context holds {model.context_length}.",
            remedy=f"Shorten them by {before + after - longest} tokens.",
        )
    return None


def _shape(model: Model, found: AskedTokens, other: AskedTokens, problem: Problem | None) -> TokenPreview:
    completion = found.pieces[found.cut :]
    return TokenPreview(
        model=model.name,
        prompt_tokens=found.pieces[: found.cut],
        completion_tokens=completion,
        completion_stretches=found.stretches,
        counted=[found.counted is None or place in found.counted for place in range(len(completion))],
        against_tokens=other.pieces[other.cut :],
        context_length=model.context_length,
        problem=problem,
    )
