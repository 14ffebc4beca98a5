"""What migrations do differently on each engine: scripts of the guard, indexes, announcements."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import context, op


def announce(text: str) -> None:
    """Tell what the migration is about to lock, and for how long; a comment in a script."""
    if op.get_context().as_sql:
        op.get_context().impl.static_output(f"-- {text}\n")
    else:
        print(text, flush=True)


def run_script(name: str) -> None:
    """Run `guards/NAME/ENGINE.sql`, statements separated by lines `-- next`.

    `name`: folder of the revision, with `_drop` behind the engine's name as `0001:_drop`.
    ":schema" in it stands for the schema's quoted name.
    """
    migration = op.get_context()
    engine, schema = migration.dialect.name, migration.version_table_schema
    revision, _, kind = name.partition(":")
    path = Path(context.script.dir) / "guards" / revision / f"{engine}{kind}.sql"
    # A script for the client `mariadb` must say where a statement with semicolons in it ends.
    fenced = migration.as_sql and engine == "mariadb"
    for statement in path.read_text(encoding="utf-8").split("-- next\n"):
        statement = statement.replace(":schema", f'"{schema}"').strip()
        if fenced:
            migration.impl.static_output(f"DELIMITER //\n{statement}//\nDELIMITER ;\n")
        else:
            op.execute(sa.text(statement.replace(":", r"\:")))


def create_index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    """Make an index while others read and write the table, where the engine can."""
    migration = op.get_context()
    options: dict[str, Any] = {"schema": migration.version_table_schema}
    if where is not None:
        options |= {"postgresql_where": sa.text(where), "sqlite_where": sa.text(where)}
    if migration.dialect.name != "postgresql":
        op.create_index(name, table, columns, **options)
        return
    with migration.autocommit_block():
        # What an attempt that failed has left behind is there, but is not used.
        op.drop_index(
            name, table, if_exists=True, postgresql_concurrently=True, schema=options["schema"]
        )
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def drop_index(name: str, table: str) -> None:
    """Remove an index while others read and write the table, where the engine can."""
    migration = op.get_context()
    schema = migration.version_table_schema
    if migration.dialect.name != "postgresql":
        op.drop_index(name, table, schema=schema)
        return
    with migration.autocommit_block():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True, schema=schema)
