"""The form that asks."""

from dataclasses import dataclass

from app.services.shapes import CorpusView, IndexView, ModelView, Outlook, TokenPreview
from app.web.context.shell import FormError
from app.web.filled import Filled


@dataclass(frozen=True)
class MeasuredIndex:
    """A gradient index as the form names it."""

    model: str
    corpus: str
    index: IndexView


# The form's fields beside which an error can stand; those of its optional part.
OPTIONAL = ("writer", "writing", "against", "counted", "completions")


FIELDS = (
    "prompt",
    "completion",
    "format",
    "system",
    "models",
    "corpus",
    "keep",
    "scope",
    "candidates",
    "settings",
    *OPTIONAL,
)


@dataclass(frozen=True)
class OutlookPage:
    """What the form's query would take, as a part of its page that is renewed while one writes."""

    outlook: Outlook | None


@dataclass(frozen=True)
class NewQueryPage:
    """`/queries/new`: the form as filled in, its errors beside the fields, and the token preview."""

    filled: Filled
    prefilter_sequences: int
    choices: tuple[ModelView, ...]
    corpora: tuple[CorpusView, ...]
    errors: tuple[FormError, ...] = ()
    previews: tuple[TokenPreview, ...] = ()
    outlook: Outlook | None = None

    def error(self, name: str) -> FormError | None:
        """The first error of a field."""
        return next((error for error in self.errors if error.field == name), None)

    @property
    def measured(self) -> tuple["MeasuredIndex", ...]:
        """The gradient indexes that are there, by model and corpus."""
        ready = [(model, index) for model in self.choices for index in model.indexes if index.state == "ready"]
        return tuple(MeasuredIndex(model.name, index.corpus, index) for model, index in ready)

    @property
    def other_errors(self) -> tuple[FormError, ...]:
        """Errors that belong to no field shown."""
        return tuple(error for error in self.errors if error.field not in FIELDS)

    @property
    def readable(self) -> tuple[ModelView, ...]:
        """The models that can write a completion."""
        return tuple(model for model in self.choices if model.state != "failed")

    @property
    def settings_open(self) -> bool:
        """Whether the settings are open: one is changed or wrong."""
        chosen = (self.filled.damping, self.filled.rank, self.filled.precision)
        return chosen != (Filled.damping, Filled.rank, Filled.precision) or self.error("settings") is not None

    @property
    def more_open(self) -> bool:
        """Whether the optional part of the form is open: something in it is filled in or wrong."""
        filled = self.filled
        told = (filled.writer, filled.against, filled.count, filled.counted, *filled.completions)
        return any(told) or any(self.error(name) for name in OPTIONAL)
