"""Models, corpora, the state of things, and what it all means."""

from dataclasses import dataclass

from app.services.shapes import (
    CorpusDetail,
    CorpusView,
    DocumentHeadView,
    FactorsView,
    ModelDetail,
    ModelView,
    Problem,
    StatusReport,
)
from app.web.context.shell import Pager
from app.web.plots import ScatterPlot


@dataclass(frozen=True)
class ModelLine:
    """A model as the list compares it with the others."""

    model: ModelView
    factors: FactorsView | None
    pearson: float | None
    checks: int


@dataclass(frozen=True)
class ModelsPage:
    """`/models`: what can be asked, a line each."""

    lines: tuple[ModelLine, ...]


@dataclass(frozen=True)
class ModelPage:
    """`/models/{name}`: a model, and how faithful its influences were measured to be.

    asked: how many checks were just asked for, to be told once.
    """

    model: ModelDetail
    scatter: ScatterPlot | None
    asked: int | None


@dataclass(frozen=True)
class CorporaPage:
    """`/corpora`: what the models were trained on."""

    corpora: tuple[CorpusView, ...]


@dataclass(frozen=True)
class KindBar:
    """How many documents are of a kind, and the length of its bar in hundredths of the commonest one's."""

    name: str
    documents: int
    length: float


@dataclass(frozen=True)
class DocumentRow:
    """A document in the list of a corpus."""

    document: DocumentHeadView
    url: str


@dataclass(frozen=True)
class DocumentsView:
    """A page of a corpus's documents, narrowed by what an id holds; `problem` where they cannot be read here."""

    rows: tuple[DocumentRow, ...]
    find: str
    pager: Pager | None
    problem: Problem | None


@dataclass(frozen=True)
class CorpusPage:
    """`/corpora/{name}`: a corpus with its parts, the ways it is cut, its documents, and what was asked of it."""

    corpus: CorpusDetail
    kinds: tuple[KindBar, ...]
    documents: DocumentsView


@dataclass(frozen=True)
class StatusPage:
    """`/status`: workers, the line, what is being made, what failed, and what all of it stands on."""

    report: StatusReport
    checked: str


@dataclass(frozen=True)
class Term:
    """A word of the glossary: what it means, and the name by which addresses point at it."""

    name: str
    anchor: str
    meaning: str


@dataclass(frozen=True)
class AboutPage:
    """`/about`: method, units, sign, caveats, and every term."""

    terms: tuple[Term, ...]
