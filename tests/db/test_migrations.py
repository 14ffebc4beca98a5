"""The migrations, by alembic as a DBA runs it, on every engine."""

import subprocess
import sys

import pytest
import sqlalchemy as sa

from connector.cli.doctor import drift
from connector.config import load
from connector.db.engine import Database
from connector.db.errors import SchemaMismatch, SchemaMissing, SchemaOld, Unavailable
from connector.db.schema import check, migrations, schema_info
from connector.jobs.states import TRANSITIONS
from connector.jobs.tables import job_transitions
from tests import sql_scripts
from tests.conftest import migrate

INI = migrations().parent / "alembic.ini"


def alembic(url: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(INI), "-x", f"url={url}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names(url: str) -> set[str]:
    database = Database(url)
    inspector = sa.inspect(database.engine)
    found = set(inspector.get_table_names(schema=database.schema)) - {"alembic_version"}
    database.close()
    return found


def test_alembic_goes_up_finds_no_drift_and_goes_down_again(empty_url: str) -> None:
    alembic(empty_url, "upgrade", "head")
    assert {"jobs", "job_events", "workers", "queues", "tasks", "schema_info"} <= names(empty_url)
    assert "No new upgrade operations detected" in alembic(empty_url, "check")
    alembic(empty_url, "downgrade", "base")
    assert names(empty_url) == set()
    alembic(empty_url, "upgrade", "head")


def test_the_sql_that_alembic_prints_makes_the_same_tables(empty_url: str) -> None:
    script = alembic(empty_url, "upgrade", "head", "--sql")
    sql_scripts.run(empty_url, script)
    database = Database(empty_url)
    check(database)
    settings = load(None, {"CONNECTOR_DATABASE_URL": empty_url}, {}).settings
    assert list(drift(database, settings)) == [], "triggers, views, functions, comments, rights"
    database.close()
    assert "No new upgrade operations detected" in alembic(empty_url, "check")


def test_downgrade_prints_sql_too(empty_url: str) -> None:
    assert "DROP TABLE" in alembic(empty_url, "downgrade", "head:base", "--sql")


def test_the_transitions_in_the_database_are_those_of_the_program(database: Database) -> None:
    select = sa.select(job_transitions)
    stored = {tuple(row) for row in database.read(lambda tx: tx.execute(select).all())}
    stated = {(verb, *move) for verb, moves in TRANSITIONS.items() for move in moves}
    assert stored == stated


def test_every_table_and_column_is_commented_where_the_engine_can(database: Database) -> None:
    inspector = sa.inspect(database.engine)
    if not inspector.dialect.supports_comments:
        return
    for table in inspector.get_table_names(schema=database.schema):
        if table == "alembic_version":
            continue
        assert inspector.get_table_comment(table, schema=database.schema)["text"], table
        for column in inspector.get_columns(table, schema=database.schema):
            assert column["comment"], f"{table}.{column['name']}"


UNTOLD = {
    "postgresql": "SELECT relname FROM pg_class WHERE relkind IN ('r', 'i', 'v') "
    "AND relnamespace = CAST('webex_connector' AS regnamespace) "
    "AND obj_description(oid, 'pg_class') IS NULL AND relname NOT LIKE 'alembic%' "
    "UNION ALL SELECT proname FROM pg_proc WHERE obj_description(oid, 'pg_proc') IS NULL "
    "AND pronamespace = CAST('webex_connector' AS regnamespace)",
    # A primary key is told by its table, and views have no comments there.
    "mariadb": "SELECT INDEX_NAME FROM information_schema.STATISTICS "
    "WHERE TABLE_SCHEMA = DATABASE() AND INDEX_COMMENT = '' AND INDEX_NAME <> 'PRIMARY'",
    "sqlite": "SELECT name FROM sqlite_master WHERE 0",
}
"""Tables, indexes, views and functions without a comment."""


def test_every_index_view_and_function_is_commented_where_the_engine_can(
    database: Database,
) -> None:
    query = sa.text(UNTOLD[database.dialect.name])
    assert database.read(lambda tx: tx.execute(query).scalars().all()) == []


def test_an_empty_database_is_refused_with_what_to_do(empty_url: str) -> None:
    database = Database(empty_url)
    with pytest.raises(SchemaMissing, match="webex-connector migrate"):
        check(database)
    database.close()


def test_a_schema_of_another_version_is_refused(empty_url: str) -> None:
    database = Database(empty_url)
    migrate(database)
    check(database)
    newer = sa.update(schema_info).values(version=99)
    database.run(lambda tx: tx.execute(newer))
    check(database)  # it says itself which programs may run on it
    newer = sa.update(schema_info).values(oldest_program="99.1")
    database.run(lambda tx: tx.execute(newer))
    with pytest.raises(SchemaMismatch, match="99.1 or later: upgrade this program"):
        check(database)
    older = sa.update(schema_info).values(version=1)
    database.run(lambda tx: tx.execute(older))
    with pytest.raises(SchemaOld, match="run: webex-connector migrate"):
        check(database)
    other = sa.update(schema_info).values(version=1, product="other")
    database.run(lambda tx: tx.execute(other))
    with pytest.raises(SchemaMismatch, match="other"):
        check(database)
    database.close()


@pytest.mark.parametrize("empty_url", ["postgresql", "mariadb"], indirect=True)
def test_a_lock_on_schema_info_is_told_as_a_lock_and_not_as_its_absence(
    database: Database, empty_url: str
) -> None:
    table = f"{database.schema}.schema_info" if database.schema else "schema_info"
    lock = {
        "postgresql": f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
        "mariadb": f"LOCK TABLES {table} WRITE",
    }[database.dialect.name]
    other = Database(empty_url, lock_timeout_ms=100)
    with database.engine.connect() as holder:
        holder.exec_driver_sql(lock)
        with pytest.raises(Unavailable):
            check(other)
        if database.dialect.name == "mariadb":
            holder.exec_driver_sql("UNLOCK TABLES")
    check(other)
    other.close()
