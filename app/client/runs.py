"""Runs over the API: their ranked sequences, candidates, what made them, and how they compare."""

from collections.abc import Iterable, Iterator
from typing import Any

from app.client.connection import Connection, path
from app.services.shapes import (
    Annotation,
    AnnotationForm,
    CandidatePage,
    CandidateRow,
    CandidateTexts,
    Comparison,
    InfluenceDetail,
    InfluencePage,
    InfluenceRow,
    LayersView,
    RunDetail,
    Sign,
    Surroundings,
)

MOST = 500


class Runs:
    """`client.runs`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, run: str) -> RunDetail:
        """A run with its distribution, its layer profile and everything that made it."""
        return self._connection.read(RunDetail, "GET", path("runs", run))

    def layers(self, run: str, first: int | None = None) -> LayersView:
        """Where in the network its heaviest sequences act: the `first` of each sign, or all kept."""
        return self._connection.read(LayersView, "GET", path("runs", run, "layers"), params={"first": first})

    def influences(self, run: str, sign: Sign = "positive", **choices: Any) -> Iterator[InfluenceRow]:
        """Every kept sequence of a sign, heaviest first; `choices` narrow and sort it as those of the API do."""
        for page in self.influence_pages(run, sign, **choices):
            yield from page.rows

    def influence_pages(self, run: str, sign: Sign = "positive", **choices: Any) -> Iterator[InfluencePage]:
        """The same by pages, which tell N, layers and scope."""
        chosen = {"limit": MOST, **choices, "sign": sign}
        yield from self._connection.pages(InfluencePage, path("runs", run, "influences"), **chosen)

    def influence(self, run: str, sequence: int) -> InfluenceDetail:
        """One kept sequence with its layer x token matrix."""
        return self._connection.read(InfluenceDetail, "GET", path("runs", run, "influences", sequence))

    def surroundings(self, run: str, sequence: int) -> Surroundings:
        """The sequences beside one in its document, and the other queries' lists that hold it."""
        return self._connection.read(Surroundings, "GET", path("runs", run, "influences", sequence, "surroundings"))

    def candidates(self, run: str, reference: int = 1) -> Iterator[CandidateRow]:
        """The candidates of a query with scope candidates, in the order they were given, against one of them."""
        choices = {"reference": reference, "limit": MOST}
        for page in self._connection.pages(CandidatePage, path("runs", run, "candidates"), **choices):
            yield from page.rows

    def candidate_list(self, key: str) -> CandidateTexts:
        """A list of candidates with its texts; `candidates.id` of a query names its list."""
        return self._connection.read(CandidateTexts, "GET", path("candidate-lists", key))

    def compare(self, runs: Iterable[str], sign: Sign = "positive", limit: int = 50, **choices: Any) -> Comparison:
        """Two to four runs side by side."""
        chosen = {**choices, "runs": ",".join(runs), "sign": sign, "limit": limit}
        return self._connection.read(Comparison, "GET", path("compare"), params=chosen)

    def annotate(self, run: str, sequence: int, label: str = "", note: str = "") -> Annotation:
        """Writes the label and the note of a sequence, in place of those that it has."""
        form = AnnotationForm(label=label, note=note).model_dump()
        address = path("runs", run, "influences", sequence, "annotation")
        return self._connection.read(Annotation, "PUT", address, json=form)

    def clear_annotation(self, run: str, sequence: int) -> None:
        """Takes them away."""
        self._connection.send("DELETE", path("runs", run, "influences", sequence, "annotation"))
