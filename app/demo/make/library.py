"""Drafts of documents, and the library that numbers them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.demo.bundle import DemoDocument


@dataclass(frozen=True)
class Draft:
    """A document before it has a number.

    `fact` and `role` say what it states and how; several facts are joined by `|`.
    """

    kind: str
    source: str
    text: str
    fact: str = ""
    role: str = ""


@dataclass
class Library:
    """Numbers drafts within their kind and remembers which documents play which role."""

    documents: list[DemoDocument] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _roles: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, drafts: Iterable[Draft]) -> None:
        """Number drafts in the order given; a text that is there already is left out."""
        present = {document.text for document in self.documents}
        for draft in drafts:
            if draft.text in present:
                continue
            present.add(draft.text)
            identity = f"{draft.kind}-{self._counts[draft.kind]:04d}"
            self._counts[draft.kind] += 1
            self.documents.append(DemoDocument(identity, draft.kind, draft.source, draft.text))
            for fact in draft.fact.split("|"):
                self._roles[fact, draft.role].append(identity)

    def ids(self, fact: str, *roles: str) -> list[str]:
        """The documents that state a fact in any of these roles."""
        return [identity for role in roles for identity in self._roles[fact, role]]

    def containing(self, text: str, kind: str) -> list[str]:
        """The documents of a kind that hold this text."""
        return [d.id for d in self.documents if d.kind == kind and text in d.text]
