"""What the address of a query's page says about the view, and the addresses of other views of it."""

from dataclasses import dataclass
from typing import Literal

from app.services.results import EVERY
from app.services.shapes import ListChoice, Sign
from app.services.spans import Reading
from app.web.context import Tab
from app.web.views import address, query_path

View = Literal["list", "distribution", "layers", "run", "candidates"]
Colour = Literal["row", "list"]
Palette = Literal["standard", "paper"]
First = Literal["10", "50", "all"]

_VIEWS: tuple[tuple[View, str], ...] = (("distribution", "Distribution"), ("layers", "Layers"), ("run", "Run"))
_READINGS: tuple[Reading, ...] = ("token", "word", "sentence")
_FIRSTS: tuple[tuple[First, str], ...] = (("10", "10"), ("50", "50"), ("all", "all kept"))
State = dict[str, str | int | None]


@dataclass(frozen=True)
class Choices:
    """The state of the view. `palette` is None where the address does not say: the browser may remember one."""

    query_id: str
    model: str
    sign: Sign = "positive"
    view: View = "list"
    page: int = 1
    colour: Colour = "row"
    home: View = "list"
    reference: int = 1
    change: int | None = None
    listed: ListChoice = EVERY
    read: Reading = "token"
    palette: Palette | None = None
    first: First = "50"
    # Named only where the model has several runs of the query.
    run: str | None = None

    def state(self, **changed: str | int | None) -> State:
        """The parts of this view's address with some of them changed; what stands at its default is left out."""
        state: State = {
            "model": self.model,
            "run": self.run,
            "sign": self.sign,
            "view": self.view,
            "page": self.page,
            "colour": self.colour,
            "reference": self.reference,
            "read": self.read,
            "palette": self.palette,
            "first": self.first,
            **self._listed(),
            **changed,
        }
        defaults: State = {"sign": "positive", "view": self.home, "page": 1, "colour": "row", "reference": 1}
        defaults |= {"read": "token", "first": "50", "sort": "influence"}
        return {name: value for name, value in state.items() if value not in (defaults.get(name), None, "")}

    def _listed(self) -> State:
        chosen = self.listed
        return {
            "sort": chosen.sort,
            "reverse": "true" if chosen.reverse else None,
            "find": chosen.find,
            "kind": chosen.kind,
            "hide": chosen.hide,
            "group": chosen.group,
        }

    def url(self, **changed: str | int | None) -> str:
        """This view's address with some of it changed."""
        return address(query_path(self.query_id), **self.state(**changed))

    def everything(self) -> str:
        """The list without search, kind, hidden or folded sequences, in the same order."""
        return self.url(find=None, kind=None, hide=None, group=None, page=1)

    def to(self, view: View, **changed: str | int | None) -> str:
        """Another tab, from its beginning."""
        return self.url(view=view, page=1, **changed)

    def tabs(self) -> tuple[Tab, ...]:
        """The views of a query under a model."""
        listed = self.view == "list"
        candidates = Tab("Candidates", self.to("candidates"), self.view == "candidates")
        return (
            *((candidates,) if self.home == "candidates" else ()),
            Tab("Positive", self.to("list", sign="positive"), listed and self.sign == "positive"),
            Tab("Negative", self.to("list", sign="negative"), listed and self.sign == "negative"),
            *(Tab(name, self.to(view), self.view == view) for view, name in _VIEWS),
        )

    def colours(self) -> tuple[Tab, ...]:
        """By what tokens and layers are tinted."""
        return (
            Tab("each row", self.url(colour="row"), self.colour == "row"),
            Tab("this list", self.url(colour="list"), self.colour == "list"),
        )

    def readings(self) -> tuple[Tab, ...]:
        """By what a text is read."""
        return tuple(Tab(read, self.url(read=read), self.read == read) for read in _READINGS)

    def palettes(self) -> tuple[Tab, ...]:
        """The colours of the two signs."""
        return (
            Tab("blue and orange", self.url(palette="standard"), self.palette == "standard"),
            Tab("the paper's", self.url(palette="paper"), self.palette == "paper"),
        )

    def firsts(self) -> tuple[Tab, ...]:
        """How many of the heaviest sequences are told by layer."""
        return tuple(Tab(name, self.url(first=first), self.first == first) for first, name in _FIRSTS)
