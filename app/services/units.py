"""N, the number of a model's training sequences, and the unit that influence is shown in: the one place that decides.

Scores are stored raw. Where N is known they are shown divided by it; where nobody knows it they are shown as they
are, and relative to the heaviest, and nothing else ever takes N's place.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Influence, Model, Run
from app.services.shapes import Sign, UnitKey


@dataclass(frozen=True)
class Unit:
    """What influence is shown in. `divisor` is N, or 1; `name` stands beside lists, `short` in tables and tips."""

    key: UnitKey
    divisor: float
    name: str
    short: str

    def of(self, influence: float) -> float:
        """A raw influence in this unit."""
        return influence / self.divisor


RAW = Unit("raw", 1.0, "nats per unit of up-weighting epsilon (raw)", "raw")


def unit(training_sequences: int | None) -> Unit:
    """Nats per added copy where N is known; otherwise raw."""
    if not training_sequences:
        return RAW
    return Unit("nats_per_copy", float(training_sequences), "nats per added copy", "nats per copy")


def nats_per_copy(influence: float, training_sequences: int | None) -> float | None:
    """A raw influence divided by N; None where nobody knows N."""
    return influence / training_sequences if training_sequences else None


def beyond_reach(values: Iterable[float | None], log_p: float | None, against: float | None) -> str:
    """What is to be said of values in nats per added copy that log p cannot rise by; empty where there are none.

    log p is at most 0, so that one copy can raise it by -log p at most. A difference of two has no such bound.
    """
    if log_p is None or against is not None:
        return ""
    beyond = sum(value is not None and value > -log_p for value in values)
    if not beyond:
        return ""
    are = "1 value here is" if beyond == 1 else f"{beyond} values here are"
    return (
        f"{are} larger than {-log_p:.3g} nats, all that log p has left to rise. Influence is a slope: "
        "that far along it the order still tells something, the size does not."
    )


def relative(influence: float, heaviest: float | None) -> float:
    """A raw influence over the size of the heaviest of its list, from -1 to 1; 0 where all of the list is 0."""
    return influence / abs(heaviest) if heaviest else 0.0


def heaviest(session: Session, run: Run, sign: Sign) -> float | None:
    """The raw influence of the first sequence of a run's list; None for an empty list."""
    first = select(Influence.influence).where(Influence.run_id == run.id, Influence.sign == sign, Influence.rank == 1)
    return session.scalar(first)


def training_sequences(model: Model, corpus: str, sequences: int, tokens: int) -> int | None:
    """N of a model, counted in sequences of a corpus that holds so many of them, and tokens; None if nobody knows it.

    Of the corpus that it was trained on, their number. Otherwise the tokens it was trained on, by the mean length of
    this corpus's sequences: what N would be if its training data were cut as this corpus is.
    """
    if model.corpus == corpus:
        return sequences
    if model.training_tokens is None or not tokens:
        return None
    return max(1, round(model.training_tokens * sequences / tokens))


def remedy(model: str) -> str:
    """The command that makes N known."""
    return f"influence model set {model} --training-tokens N"


def why_raw(model: str) -> str:
    """Why values are raw, what that means for reading them, and what to do about it; a command in backticks."""
    return (
        f"How many sequences {model} was trained on is not known, so influence is not divided by it: values are raw, "
        "in nats per unit of up-weighting epsilon, and compare within this model only, best relative to the heaviest. "
        f"`{remedy(model)}` makes it known."
    )
