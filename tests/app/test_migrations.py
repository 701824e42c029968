"""Migrations make exactly the tables of the models, on both databases, and undo them."""

from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

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


def test_rows_of_the_first_schema_live_through_the_second_and_back(settings: Settings) -> None:
    moment = "2026-01-01 00:00:00+00:00"
    database = make_engine(settings.database)
    with database.begin() as connection:
        upgrade(connection, "0001")
        connection.execute(
            text(
                "INSERT INTO corpora (name, source, state, documents, kinds, created_at) "
                "VALUES ('towns', 'x', 'ready', 3, '{}', :moment)"
            ),
            {"moment": moment},
        )
        connection.execute(
            text(
                "INSERT INTO tokenized_corpora "
                "(id, corpus, tokenizer_fingerprint, length, path, sequences, tokens, fingerprint, created_at) "
                "VALUES (1, 'towns', 't', 9, 'p', 3, 27, 'f', :moment)"
            ),
            {"moment": moment},
        )
    for steps in ((upgrade, "head"), (downgrade, "0001"), (upgrade, "head")):
        move, revision = steps
        with database.begin() as connection:
            move(connection, revision)
            assert connection.execute(text("SELECT sequences FROM tokenized_corpora")).scalar_one() == 3
    with database.connect() as connection:
        found = connection.execute(text("SELECT duplicates, lexical_path FROM tokenized_corpora")).one()
    assert tuple(found) == (None, None)
    database.dispose()
