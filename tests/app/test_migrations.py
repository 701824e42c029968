"""Migrations make exactly the tables of the models, on both databases, and undo them."""

from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect

from app.database import downgrade, make_engine, migrate, upgrade
from app.models import Base
from app.settings import Settings


def _tables(database: Engine) -> set[str]:
    return set(inspect(database).get_table_names()) - {"alembic_version"}


def test_upgrading_makes_the_tables_of_the_models_without_a_difference(settings: Settings) -> None:
    migrate(settings)
    database = make_engine(settings.database)
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    assert _tables(database) == set(Base.metadata.tables)
    database.dispose()


def test_downgrading_leaves_no_table_and_upgrading_again_brings_them_back(settings: Settings) -> None:
    migrate(settings)
    database = make_engine(settings.database)
    with database.begin() as connection:
        downgrade(connection)
    assert _tables(database) == set()
    with database.begin() as connection:
        upgrade(connection)
    assert _tables(database) == set(Base.metadata.tables)
    database.dispose()


def test_several_processes_may_migrate_at_once(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [settings] * 4))
    database = make_engine(settings.database)
    assert _tables(database) == set(Base.metadata.tables)
    database.dispose()
