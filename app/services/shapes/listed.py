"""Which of a run's kept sequences are listed, in which order, and what is folded under one of them."""

from typing import Literal

from pydantic import Field

from app.services.shapes.base import Shape

Sort = Literal["influence", "concentration", "overlap", "document", "length"]
Hidden = Literal["spurious"] | None
Grouped = Literal["duplicates"] | None


class ListChoice(Shape):
    """Which of a run's kept sequences of one sign are listed, and in which order."""

    sort: Sort = Field(
        default="influence", description="heaviest, most concentrated, most overlap, or longest first; document by name"
    )
    reverse: bool = Field(default=False, description="the order turned round")
    find: str = Field(default="", description="only those whose text holds it, in capitals or small letters")
    kind: str = Field(default="", description="only those whose document is of that kind")
    hide: Hidden = Field(default=None, description="spurious: leave out those that one or two tokens carry")
    group: Grouped = Field(default=None, description="duplicates: fold them under the heaviest that is listed")

    @property
    def narrows(self) -> bool:
        """Whether it can list fewer than all kept sequences."""
        return bool(self.find or self.kind or self.hide or self.group)


class Repeat(Shape):
    """A kept sequence that is folded under the one that it repeats, exactly or nearly."""

    rank: int
    sequence_id: int
    document: str
    influence: float
    nats_per_copy: float | None = Field(description="null where N is not known")
