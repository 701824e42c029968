"""What a sequence's address says about the view, and the text of the sequence as that view reads and colours it."""

from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Literal, get_args

from app.services import spans
from app.services.errors import InvalidInput
from app.services.shapes import CheckView, InfluenceDetail
from app.services.spans import Reading
from app.services.units import Unit
from app.web import tokens
from app.web.context import ReadingView, Stretch, Tab
from app.web.views import address, query_path, without_start

Erase = Literal["none", "output", "input", "zeroed"]
_NAMES: dict[Erase, str] = {
    "none": "gradient",
    "output": "erase what is predicted",
    "input": "erase what is read",
    "zeroed": "blank what is read",
}
# Of the gradient view the template tells, as beside every token view.
AIDS: dict[Erase, tuple[str, ...]] = {
    "none": (),
    "output": (
        "The highlighted token is the one predicted: leave its loss out, and the score falls by this.",
        "The terms add up to the score, so a word or a sentence is exactly the sum of its tokens.",
    ),
    "input": (
        "The highlighted token is the one read: how fast the score grows as its embedding does, through everything "
        "predicted after it.",
        "A slope at the text as it stands; the terms need not add up to the score.",
    ),
    "zeroed": (
        "The highlighted token is the one read: what the score loses when its embedding is set to nought, one token "
        "at a time.",
        "A large change where “erase what is read” takes a slope; the terms need not add up to the score.",
    ),
}


@dataclass(frozen=True)
class SequenceChoice:
    """The state of the view of a sequence."""

    query_id: str
    run: str
    sequence_id: int
    read: Reading = "token"
    erase: Erase = "none"
    palette: str | None = None

    def _state(self, **changed: str | None) -> dict[str, str | None]:
        state: dict[str, str | None] = {
            "run": self.run,
            "read": self.read,
            "erase": self.erase,
            "palette": self.palette,
            **changed,
        }
        return {name: None if value in ("token", "none") else value for name, value in state.items()}

    def url(self, **changed: str | None) -> str:
        """This view's address with some of it changed; what stands at its default is left out."""
        return address(f"{query_path(self.query_id)}/sequences/{self.sequence_id}", **self._state(**changed))

    def below(self, what: str) -> str:
        """The address of something under the sequence, with the view's state."""
        return address(f"{query_path(self.query_id)}/sequences/{self.sequence_id}/{what}", **self._state())

    def of(self, sequence_id: int, run: str | None = None, query_id: str | None = None) -> str:
        """The same view of another sequence, or under another run."""
        other = SequenceChoice(query_id or self.query_id, run or self.run, sequence_id, self.read, "none", self.palette)
        return other.url()

    def readings(self) -> tuple[Tab, ...]:
        """By what the text is read."""
        return tuple(Tab(one, self.url(read=one), self.read == one) for one in get_args(Reading))

    def views(self) -> tuple[Tab, ...]:
        """By what the tokens are coloured."""
        return tuple(Tab(name, self.url(erase=one), self.erase == one) for one, name in _NAMES.items())

    def palettes(self) -> tuple[Tab, ...]:
        """The colours of the two signs."""
        return (
            Tab("blue and orange", self.url(palette="standard"), self.palette == "standard"),
            Tab("the paper's", self.url(palette="paper"), self.palette == "paper"),
        )


def chosen(value: str, known: Many[str], field: str) -> str:
    """A choice that the address names. Raises: InvalidInput for one that there is not."""
    if value not in known:
        raise InvalidInput(f"{field}={value!r} is no choice.", f"Take one of: {', '.join(known)}.", field)
    return value


def reading_view(choice: SequenceChoice, detail: InfluenceDetail, erasure: CheckView | None, unit: Unit) -> ReadingView:
    """The text under the chosen view. Without its check an erasure view shows the text uncoloured."""
    values = _values(choice.erase, detail, erasure)
    shown = [unit.of(value) for value in values or [0.0] * len(detail.tokens)]
    return ReadingView(
        stretches=stretches(detail.tokens, without_start(detail), shown, choice.read),
        readings=choice.readings(),
        views=choice.views(),
        palettes=choice.palettes(),
        read=choice.read,
        erase=choice.erase,
        name=_NAMES[choice.erase],
        aid=AIDS[choice.erase],
        missing=values is None,
        total=sum(shown),
    )


def _values(erase: Erase, detail: InfluenceDetail, erasure: CheckView | None) -> list[float] | None:
    """Raw values by token; None where the check that has them is not done."""
    if erase == "none":
        return detail.token_influences
    if erasure is None or erasure.erasure is None:
        return None
    found: list[float] = getattr(erasure.erasure, erase)
    return found


def stretches(names: Many[str], texts: Many[str], values: Many[float], reading: Reading) -> tuple[Stretch, ...]:
    """The tokens in stretches that are read together, each tinted by its exact sum; every token is a piece of one.

    names: the tokens as they are shown; texts: as they are read, a beginning-of-sequence token without its name.
    """
    read = spans.spans(texts, reading)
    sums = spans.sums(values, read)
    scale = tokens.scale_of(sums)
    found = []
    for (start, stop), value in zip(read, sums, strict=True):
        level = tokens.level(value, scale)
        inside = [
            tokens.Piece(tokens.visible(names[place]), level, values[place], place) for place in range(start, stop)
        ]
        found.append(Stretch(inside[0].css, value, tuple(inside)))
    return tuple(found)
