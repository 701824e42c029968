"""Alembic's entry: runs on the connection it is handed, or opens one from the settings."""

from sqlalchemy import Connection

from alembic import context
from app.database import make_engine
from app.models import Base
from app.settings import get_settings


def run(connection: Connection) -> None:
    """Run the migrations; the caller owns the transaction where it handed in the connection."""
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


handed: Connection | None = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
else:
    with make_engine(get_settings().database).begin() as opened:
        run(opened)
