"""One frozen, typed context a page: all that its template may use, beside the shell around every page."""

from app.web.context.api import ApiPage, Operation, ShapeView
from app.web.context.asking import FIELDS, OPTIONAL, MeasuredIndex, NewQueryPage
from app.web.context.catalog import AboutPage, CorporaPage, ModelsPage, StatusPage
from app.web.context.compare import Column, ComparePage, JoinedRow, Pair, PlacedPiece, SameColumn, SameText
from app.web.context.gallery import GalleryPage, QueriesPage, QueryGroup
from app.web.context.query import (
    CandidatesView,
    CandidateView,
    ListRow,
    ListView,
    ModelChip,
    OtherCompletions,
    ProfileView,
    QueryPage,
    VersionPiece,
)
from app.web.context.sequence import GridRow, OtherRun, SequencePage
from app.web.context.shell import ErrorPage, FormError, Pager, Shell, Tab

__all__ = [
    "FIELDS",
    "OPTIONAL",
    "AboutPage",
    "ApiPage",
    "CandidateView",
    "CandidatesView",
    "Column",
    "ComparePage",
    "CorporaPage",
    "ErrorPage",
    "FormError",
    "GalleryPage",
    "GridRow",
    "JoinedRow",
    "ListRow",
    "ListView",
    "MeasuredIndex",
    "ModelChip",
    "ModelsPage",
    "NewQueryPage",
    "Operation",
    "OtherCompletions",
    "OtherRun",
    "Page",
    "Pager",
    "Pair",
    "PlacedPiece",
    "ProfileView",
    "QueriesPage",
    "QueryGroup",
    "QueryPage",
    "SameColumn",
    "SameText",
    "SequencePage",
    "ShapeView",
    "Shell",
    "StatusPage",
    "Tab",
    "VersionPiece",
]

Page = (
    ErrorPage
    | GalleryPage
    | QueriesPage
    | NewQueryPage
    | QueryPage
    | SequencePage
    | ComparePage
    | ModelsPage
    | CorporaPage
    | StatusPage
    | AboutPage
    | ApiPage
)
