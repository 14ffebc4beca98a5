"""Runs the migrations, for `webex-connector migrate` (on the database it hands over) or alembic."""

import os
from typing import Any

import sqlalchemy as sa
from alembic import context

import connector.datastore.tables
import connector.db.api_keys
import connector.db.schema
import connector.jobs.outbox_tables
import connector.jobs.schedule_table
import connector.jobs.tables  # noqa: F401 - registers the tables that `check` compares with
from connector.config import load
from connector.config.database import one_for_all
from connector.db.engine import Database
from connector.db.metadata import in_schema


def open_database() -> Database:
    """Return the database that was handed over, or the one that settings name."""
    given = context.config.attributes.get("database")
    if isinstance(given, Database):
        return given
    url = context.get_x_argument(as_dictionary=True).get("url")
    settings = load(None, os.environ, one_for_all(url) if url else {}).settings.database
    owner = settings.direct_url_for("migrate") or settings.url_for("migrate")
    return Database(owner.get_secret_value(), schema=settings.schema_name)


def configure(database: Database, connection: sa.Connection | None) -> None:
    """Tell alembic where the tables are, and that its own version table is among them."""
    schema = database.schema
    options: dict[str, Any] = {
        "target_metadata": in_schema(schema),
        "version_table_schema": schema,
        "include_schemas": schema is not None,
        "include_name": lambda name, kind, parents: kind != "schema" or name == schema,
        "transaction_per_migration": True,
        "compare_type": True,
    }
    if connection is not None:
        context.configure(connection=connection, **options)
    else:
        context.configure(
            dialect_name=database.dialect.name, literal_binds=True, as_sql=True, **options
        )


def run() -> None:
    """Run what was asked for, on a connection or as a script of SQL."""
    database = open_database()
    create_schema = database.dialect.create_schema(database.schema)
    if context.is_offline_mode():
        configure(database, None)
        with context.begin_transaction():
            if create_schema:
                context.execute(create_schema)
            context.run_migrations()
        return
    database.dialect.make_place(database.engine.url)
    with database.engine.connect() as connection, database.dialect.alone(connection):
        # Who owns the schema need not have the right to make one.
        if create_schema and not sa.inspect(connection).has_schema(str(database.schema)):
            connection.execute(sa.text(create_schema))
        connection.commit()
        configure(database, connection)
        with context.begin_transaction():
            context.run_migrations()


run()
