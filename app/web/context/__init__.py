"""One frozen, typed context a page: all that its template may use, beside the shell around every page."""

from app.web.context.api import ApiPage, Operation, OperationGroup, ProblemPage, ShapeView
from app.web.context.asking import FIELDS, OPTIONAL, MeasuredIndex, NewQueryPage, OutlookPage
from app.web.context.batches import BatchesPage, BatchFilled, BatchLine, BatchPage, BatchRunLine, NewBatchPage
from app.web.context.catalog import (
    AboutPage,
    CorporaPage,
    CorpusPage,
    DocumentRow,
    DocumentsView,
    KindBar,
    ModelLine,
    ModelPage,
    ModelsPage,
    StatusPage,
    Term,
)
from app.web.context.compare import (
    Ask,
    Column,
    ComparePage,
    CompareView,
    Held,
    HeldList,
    HeldRow,
    JoinedRow,
    Pair,
    PlacedPiece,
    SameColumn,
    SameText,
    SideGroup,
    SideLayers,
    SideOption,
    SideView,
)
from app.web.context.document import DocumentPage
from app.web.context.files import CollectionFile, Origin, ResultFile, SequenceFile
from app.web.context.gallery import AnswerLine, Entry, Filter, GalleryPage, QueriesPage, QueryGroup
from app.web.context.kept import CollectionPage, CollectionsPage, ItemView, SubjectView
from app.web.context.listed import Carried, Controls, ListRow, ListView, Looks, Option
from app.web.context.query import (
    CandidatesView,
    CandidateView,
    ModelChip,
    OtherCompletions,
    ProfileView,
    QueryPage,
    Urls,
    VersionPiece,
)
from app.web.context.sequence import (
    ChecksView,
    ElsewhereRow,
    GridData,
    GridRow,
    MovedRow,
    NeighbourView,
    NumbersPage,
    OtherRun,
    PlaceView,
    ReadingView,
    SequencePage,
    Stretch,
    SurroundingsView,
)
from app.web.context.shell import ErrorPage, FormError, Pager, Shell, Tab
from app.web.context.spread import DistributionView, HeaviestRow, LayersTab, SignLayersView, SignTail, SizeRow
from app.web.context.studies import StudiesPage, StudyPage
from app.web.context.take import Citation, FileGroup, FileLink, TakeView

__all__ = [
    "FIELDS",
    "OPTIONAL",
    "AboutPage",
    "AnswerLine",
    "ApiPage",
    "Ask",
    "BatchFilled",
    "BatchLine",
    "BatchPage",
    "BatchRunLine",
    "BatchesPage",
    "CandidateView",
    "CandidatesView",
    "Carried",
    "ChecksView",
    "Citation",
    "CollectionFile",
    "CollectionPage",
    "CollectionsPage",
    "Column",
    "ComparePage",
    "CompareView",
    "Controls",
    "CorporaPage",
    "CorpusPage",
    "DistributionView",
    "DocumentPage",
    "DocumentRow",
    "DocumentsView",
    "ElsewhereRow",
    "Entry",
    "ErrorPage",
    "FileGroup",
    "FileLink",
    "Filter",
    "FormError",
    "GalleryPage",
    "GridData",
    "GridRow",
    "HeaviestRow",
    "Held",
    "HeldList",
    "HeldRow",
    "ItemView",
    "JoinedRow",
    "KindBar",
    "LayersTab",
    "ListRow",
    "ListView",
    "Looks",
    "MeasuredIndex",
    "ModelChip",
    "ModelLine",
    "ModelPage",
    "ModelsPage",
    "MovedRow",
    "NeighbourView",
    "NewBatchPage",
    "NewQueryPage",
    "NumbersPage",
    "Operation",
    "OperationGroup",
    "Option",
    "Origin",
    "OtherCompletions",
    "OtherRun",
    "OutlookPage",
    "Page",
    "Pager",
    "Pair",
    "PlaceView",
    "PlacedPiece",
    "ProblemPage",
    "ProfileView",
    "QueriesPage",
    "QueryGroup",
    "QueryPage",
    "ReadingView",
    "ResultFile",
    "SameColumn",
    "SameText",
    "SequenceFile",
    "SequencePage",
    "ShapeView",
    "Shell",
    "SideGroup",
    "SideLayers",
    "SideOption",
    "SideView",
    "SignLayersView",
    "SignTail",
    "SizeRow",
    "StatusPage",
    "Stretch",
    "StudiesPage",
    "StudyPage",
    "SubjectView",
    "SurroundingsView",
    "Tab",
    "TakeView",
    "Term",
    "Urls",
    "VersionPiece",
]

Page = (
    ErrorPage
    | GalleryPage
    | QueriesPage
    | NewQueryPage
    | OutlookPage
    | QueryPage
    | SequencePage
    | NumbersPage
    | DocumentPage
    | ComparePage
    | NewBatchPage
    | BatchPage
    | BatchesPage
    | ModelsPage
    | ModelPage
    | CorporaPage
    | CorpusPage
    | StatusPage
    | StudiesPage
    | StudyPage
    | AboutPage
    | ApiPage
    | ProblemPage
    | CollectionsPage
    | CollectionPage
)
