"""What `influence query` measures: the completion or who writes it, which of it counts, and what it is held against."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from app.services.errors import InvalidInput
from app.services.question import Stretch, stretches_of

Completions = Annotated[
    list[str] | None,
    typer.Option("--completion", help="what it said; may be given again: each is a query of its own"),
]
Writer = Annotated[
    str | None, typer.Option("--completion-from", metavar="MODEL", help="let this model write the completion")
]
Temperature = Annotated[float, typer.Option(min=0, max=10, help="how it writes: 0 takes the likeliest token")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="of its draws at a temperature above 0")]
MaxTokens = Annotated[int, typer.Option(min=1, max=256, help="how many tokens it writes at most")]
AsChat = Annotated[
    bool, typer.Option("--chat", help="put the model's chat template around the prompt; the completion is its answer")
]
System = Annotated[str | None, typer.Option(help="the system message of a chat")]
Against = Annotated[
    str | None, typer.Option(metavar="TEXT", help="measure log p(completion) - log p(TEXT), each given the prompt")
]
Count = Annotated[
    list[str] | None,
    typer.Option(metavar="WORDS", help="only these words of the completion count; may be given again"),
]
Counted = Annotated[
    list[str] | None,
    typer.Option(metavar="START-STOP", help="only these characters of the completion count; may be given again"),
]
Damping = Annotated[
    float, typer.Option(help="in units of the mean corrected eigenvalue of each module; the paper's is 0.1")
]
Rank = Annotated[int | None, typer.Option(min=1, help="cut the preconditioned query to this rank; whole if left out")]
Precision = Annotated[Literal["float32", "bfloat16"], typer.Option(help="of the pass over the corpus")]
STRETCH = re.compile(r"(\d+)-(\d+)")
MOST_COMPLETIONS = 8


@dataclass(frozen=True)
class Measured:
    """The options as they were given."""

    completions: list[str]
    writer: str | None
    writing: dict[str, float]
    chat: bool
    system: str | None
    against: str | None
    count: list[str]
    counted: list[str]

    def fields(self) -> dict[str, Any]:
        """The fields of the form. Raises: InvalidInput where one makes no sense."""
        if len(self.completions) > MOST_COMPLETIONS:
            raise InvalidInput(
                f"{len(self.completions)} completions are given; {MOST_COMPLETIONS} is the most.",
                "Ask in several commands.",
                "completions",
            )
        first, *others = self.completions or [""]
        return {
            "completion": first,
            "completions": others,
            "format": "chat" if self.chat else "text",
            "system": self.system,
            "against": self.against,
            "counted": self._stretches(first),
            "writer": self.writer,
            "writing": self.writing,
        }

    def _stretches(self, completion: str) -> list[Stretch] | None:
        if not self.count and not self.counted:
            return None
        found = [stretch for words in self.count for stretch in stretches_of(words, completion)]
        return [*found, *map(_stretch, self.counted)]


def _stretch(text: str) -> Stretch:
    found = STRETCH.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(
            f"{text!r} is no stretch of characters.", "Give two numbers, such as 0-4 for the first four.", "counted"
        )
    return int(found[1]), int(found[2])
