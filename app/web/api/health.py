"""Whether the server can do its work: the database answers and its schema is the newest."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import text

from app.database import newest_revision, revision_of
from app.web.deps import DbSession

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """`GET /healthz`. Answered with 503 unless the schema is the newest."""

    status: Literal["ok", "not migrated"]
    database: str
    migration: str | None
    newest_migration: str
    remedy: str | None = None


@router.get("/healthz", responses={503: {"model": Health, "description": "The schema is not the newest."}})
def get_health(session: DbSession, response: Response) -> Health:
    """The state of the database and of its schema."""
    session.execute(text("SELECT 1"))
    connection = session.connection()
    present, newest = revision_of(connection), newest_revision()
    ready = present == newest
    response.status_code = 200 if ready else 503
    return Health(
        status="ok" if ready else "not migrated",
        database=connection.dialect.name,
        migration=present,
        newest_migration=newest,
        remedy=None if ready else "Run `influence migrate`, or start the server with `influence serve`.",
    )
