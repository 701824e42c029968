"""Letting a model write the completion of a query, so that every model is asked about the same text."""

from dataclasses import dataclass

from sqlalchemy import update

from app.database import writing
from app.models import Model, Query, Run
from app.services import question
from app.services.preview import obstacle
from app.services.run_settings import RunSettings
from app.worker.preparing import Preparation
from app.worker.progress import Report
from engine import Progress, QueryError, Writing, write_completion


@dataclass(frozen=True)
class Completing:
    """One worker's way of writing completions. Of several workers that need one, one writes and the others wait."""

    preparation: Preparation

    def complete(self, query: Query, report: Report) -> None:
        """Put the completion on the query's row, unless it is there or a person gave it.

        Raises: EngineError, ServiceError where the writer cannot be used or writes nothing.
        """
        if query.writer is None or query.completion:
            return
        self.preparation.leases.once(
            Model,
            query.writer,
            find=lambda: self._completion(query.id),
            make=lambda: self._write(query, query.writer or "", report),
            wait=lambda: report(Progress("writing", 0, 1)),
        )

    def _completion(self, query_id: str) -> str | None:
        with self.preparation.sessions() as session:
            return session.get_one(Query, query_id).completion or None

    def _write(self, query: Query, writer: str, report: Report) -> str:
        report(Progress("writing", 0, 1))
        row, model = self.preparation.read(writer, RunSettings())
        asked = question.of_row(query)
        found = obstacle(row, asked, writer=writer)
        if found is not None:
            raise QueryError(found.problem, found.remedy)
        prompt = question.as_tokens(row, asked).ids
        written = write_completion(model, prompt, Writing(**(query.writing or {})), report)
        with writing(self.preparation.sessions) as session:
            mine = update(Query).where(Query.id == query.id, Query.completion == "")
            session.execute(mine.values(completion=written.text))
            session.execute(update(Run).where(Run.query_id == query.id).values(version=Run.version + 1))
        return written.text
