"""The form of a new query as a person filled it in: unchecked, so that it can be shown again as it was."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import ImmutableMultiDict

from app.services import question
from app.services.candidate_files import parse_box
from app.services.shapes import QueryForm, QueryView, RunChoices, RunView

STRETCH = re.compile(r"(\d{1,9})-(\d{1,9})")
MORE_COMPLETIONS = 3


@dataclass(frozen=True)
class Filled:
    """Every field as text.

    completions: further completions of the same prompt. count: words of the completion that count; counted: the same
    as stretches of its characters, "0-4 9-12", which the token preview fills in and which go before.
    candidates: texts in their box, a line each or as JSON lines; of weight with scope "candidates" only.
    """

    prompt: str = ""
    completion: str = ""
    completions: tuple[str, ...] = ()
    format: str = "text"
    system: str = ""
    against: str = ""
    count: str = ""
    counted: str = ""
    writer: str = ""
    max_tokens: str = "32"
    temperature: str = "0"
    seed: str = "0"
    models: tuple[str, ...] = ()
    corpus: str = ""
    keep: str = "50"
    scope: str = "everything"
    candidates: str = ""
    damping: str = "0.1"
    rank: str = ""
    precision: str = "float32"
    chosen: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, given: ImmutableMultiDict[str, Any]) -> "Filled":
        """The form from an address or from what was sent; `chosen` says whether any model was named."""
        told: dict[str, Any] = {name: newlines(str(given[name])) for name in _SINGLE if name in given}
        for name in ("completions", "models"):
            told[name] = tuple(newlines(str(each)) for each in given.getlist(name))
        return cls(**told, chosen="models" in given)

    def checked(self) -> QueryForm:
        """The form's shape. Raises: pydantic's ValidationError, and InvalidInput for words that do not count."""
        given: dict[str, Any] = {
            "prompt": self.prompt,
            "completion": self.completion if self.completion.strip() or not self.writer else "",
            "completions": [text for text in self.completions if text.strip()],
            "format": self.format,
            "system": _or_none(self.system),
            "against": _or_none(self.against),
            "counted": self._stretches(),
            "writer": self.writer or None,
            "models": list(self.models),
            "corpus": self.corpus,
            "keep": self.keep,
            "scope": self.scope,
            "candidates": parse_box(self.candidates) if self.scope == "candidates" else None,
            "settings": {"damping": self.damping, "rank": self.rank.strip() or None, "precision": self.precision},
        }
        if self.writer:
            given["writing"] = {name: getattr(self, name) for name in ("max_tokens", "temperature", "seed")}
        return QueryForm.model_validate(given)

    def _stretches(self) -> list[question.Stretch] | None:
        if self.counted.strip():
            return [(int(start), int(stop)) for start, stop in STRETCH.findall(self.counted)]
        return question.stretches_of(self.count, self.completion) if self.count else None

    @property
    def more(self) -> tuple[str, ...]:
        """The fields for further completions: those filled in, and empty ones."""
        return (*self.completions, *[""] * (MORE_COMPLETIONS - len(self.completions)))


_SINGLE = tuple(name for name in Filled.__dataclass_fields__ if name not in ("completions", "models", "chosen"))


def newlines(text: str) -> str:
    """Line ends as the corpus has them: browsers send a text area's lines with carriage returns."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _or_none(text: str) -> str | None:
    return text if text.strip() else None


KEPT = ("prompt", "format", "system", "against", "writer", "corpus", "scope", "keep")
LEFT_OUT = {
    "format": "text",
    "keep": 50,
    "scope": "everything",
    "counted": "",
    "list": None,
    **RunChoices().model_dump(),
}


def asked_again(query: QueryView, run: RunView | None = None) -> str:
    """The address of the form filled in with a query, and with the settings of one of its runs."""
    again = query.model_dump(exclude_none=True)
    kept: dict[str, Any] = {name: again[name] for name in KEPT if name in again}
    kept |= again.get("writing", {}) if query.writer is not None else {"completion": query.completion}
    kept["counted"] = " ".join(f"{start}-{stop}" for start, stop in query.counted or ())
    kept |= {} if run is None else run.settings.model_dump()
    kept["list"] = None if query.candidates is None else query.candidates.id
    told = [(name, value) for name, value in kept.items() if name not in LEFT_OUT or value != LEFT_OUT[name]]
    models = [("models", name) for name in dict.fromkeys(run.model for run in query.runs)]
    return f"/queries/new?{urlencode([*told, *models])}"
