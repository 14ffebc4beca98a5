"""What migrations do differently on each engine: indexes, and what they announce."""

from typing import Any

import sqlalchemy as sa
from alembic import op


def announce(text: str) -> None:
    """Tell what the migration is about to lock, and for how long; a comment in a script."""
    if op.get_context().as_sql:
        op.get_context().impl.static_output(f"-- {text}\n")
    else:
        print(text, flush=True)


def once() -> dict[str, Any]:
    """Return options that let a statement be repeated, where no transaction takes it back."""
    return {"if_not_exists": True} if op.get_context().dialect.name == "mariadb" else {}


def create_index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    """Make an index while others read and write the table, where the engine can."""
    migration = op.get_context()
    options: dict[str, Any] = {"schema": migration.version_table_schema}
    if where is not None:
        options |= {"postgresql_where": sa.text(where), "sqlite_where": sa.text(where)}
    if migration.dialect.name != "postgresql":
        op.create_index(name, table, columns, **options | once())
        return
    with migration.autocommit_block():
        # It waits for whoever reads or writes the table at its beginning, and keeps nobody waiting.
        op.execute("SET lock_timeout = 0")
        # What an attempt that failed has left behind is there, but is not used.
        op.drop_index(
            name, table, if_exists=True, postgresql_concurrently=True, schema=options["schema"]
        )
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)
        op.execute("RESET lock_timeout")


def drop_index(name: str, table: str) -> None:
    """Remove an index while others read and write the table, where the engine can."""
    migration = op.get_context()
    schema = migration.version_table_schema
    if migration.dialect.name != "postgresql":
        op.drop_index(name, table, schema=schema)
        return
    with migration.autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True, schema=schema)
        op.execute("RESET lock_timeout")
