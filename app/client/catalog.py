"""What there is, over the API: models, corpora, workers."""

from collections.abc import Iterator

from app.client.connection import Connection, path
from app.services.shapes import (
    CheckView,
    CorpusDetail,
    CorpusView,
    DocumentHeadView,
    DocumentList,
    DocumentView,
    ModelDetail,
    ModelView,
    StatusReport,
    Study,
    StudyView,
)


class Catalog:
    """The part of the client that looks around: `client.models()`, `client.status()`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def models(self) -> list[ModelView]:
        """Every model with its state, size, layers, and what is tracked."""
        return self._connection.read_list(ModelView, "GET", path("models"))

    def model(self, name: str) -> ModelDetail:
        """One model with its factors, costs, and measured faithfulness. Raises: ApiError where there is none."""
        return self._connection.read(ModelDetail, "GET", path("models", name))

    def check_model(self, name: str, count: int = 12) -> list[CheckView]:
        """Let workers check so many sequences of the model's answers."""
        return self._connection.read_list(CheckView, "POST", path("models", name, "checks"), json={"count": count})

    def corpora(self) -> list[CorpusView]:
        """Every corpus with its counts and kinds."""
        return self._connection.read_list(CorpusView, "GET", path("corpora"))

    def corpus(self, name: str) -> CorpusDetail:
        """One corpus with every way it is cut, and what was asked of it. Raises: ApiError where there is none."""
        return self._connection.read(CorpusDetail, "GET", path("corpora", name))

    def documents(self, name: str, find: str = "", *, limit: int = 200) -> Iterator[DocumentHeadView]:
        """Every document of a corpus; with `find` those whose id holds it. Pages of `limit` are read as needed."""
        for page in self._connection.pages(
            DocumentList, path("corpora", name, "documents"), find=find or None, limit=limit
        ):
            yield from page.rows

    def document(self, corpus: str, document: str) -> DocumentView:
        """A document whole, and what any run keeps of it. Raises: ApiError where there is none."""
        return self._connection.read(DocumentView, "GET", path("corpora", corpus, "documents", document))

    def studies(self) -> list[StudyView]:
        """Every study at a glance."""
        return self._connection.read_list(StudyView, "GET", path("studies"))

    def study(self, name: str) -> Study:
        """One study with its numbers. Raises: ApiError where there is none."""
        return self._connection.read(Study, "GET", path("studies", name))

    def status(self) -> StatusReport:
        """Workers, the line, what is being made, what failed, and what all of it stands on."""
        return self._connection.read(StatusReport, "GET", path("status"))

    def health(self) -> dict[str, object]:
        """Whether the server can do its work. Raises: ApiError where its schema is not the newest."""
        found: dict[str, object] = self._connection.send("GET", "/healthz").json()
        return found
