"""What migrations run from files of SQL: guards, views and functions.

":schema" in them stands for the schema's quoted name.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa
from alembic import context, op


def run_guard(revision: str, *, drop: bool = False) -> None:
    """Run `guards/REVISION/ENGINE.sql`, or the script that takes it back.

    Statements are separated by lines `-- next`.
    """
    engine = op.get_context().dialect.name
    for statement in _read(f"guards/{revision}/{engine}{'_drop' if drop else ''}.sql").split(
        "-- next\n"
    ):
        run(statement)


_VIEW = {
    "postgresql": "OR REPLACE VIEW",
    "mariadb": "OR REPLACE SQL SECURITY INVOKER VIEW",
    "sqlite": "VIEW",
}


def create_views(revision: str, words: Mapping[str, str], only: str = "") -> None:
    """Make the views of `views/REVISION.sql`, one text for all engines, in place of older ones.

    `words`: what stands for each word that begins with "@"; "{0}" in it is the first of what stands
    behind the word in brackets. Each view begins with a line `-- view NAME: COMMENT`. `only`: the
    one that is made. One that is replaced keeps its columns, and the rights that were granted.
    """
    engine, schema = op.get_context().dialect.name, op.get_context().version_table_schema
    if engine == "postgresql":
        run("SET LOCAL search_path = :schema, pg_catalog")
    if engine == "mariadb":
        # Texts in a view have the collation of the session that made it.
        run("SET NAMES utf8mb4 COLLATE utf8mb4_bin")
        run("SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')")
    for name, comment, body in _parts("view", revision):
        if only not in ("", name):
            continue
        if engine == "sqlite":
            run(f"DROP VIEW IF EXISTS {name}")
        run(f"CREATE {_VIEW[engine]} {name} AS\n{_spelt(body, words)}")
        if engine == "postgresql":
            quoted = comment.replace("'", "''")
            run(f"COMMENT ON VIEW {name} IS '{quoted}'")
    if engine == "postgresql" and schema:
        run("SET LOCAL search_path TO DEFAULT")


def drop_views(revision: str) -> None:
    """Remove the views of `views/REVISION.sql`, the last first."""
    prefix = ":schema." if op.get_context().version_table_schema else ""
    for name, _, _ in reversed(list(_parts("view", revision))):
        run(f"DROP VIEW IF EXISTS {prefix}{name}")


def create_functions(revision: str, only: str = "") -> None:
    """Make the functions of `functions/REVISION.sql`, which nobody but the owner may call yet.

    Each begins with a line `-- function NAME(TYPES): COMMENT`. `only`: the one that is made.
    """
    for name, comment, body in _parts("function", revision):
        if only not in ("", name):
            continue
        quoted = comment.replace("'", "''")
        run(body)
        run(f"REVOKE ALL ON FUNCTION :schema.{name} FROM PUBLIC")
        run(f"COMMENT ON FUNCTION :schema.{name} IS '{quoted}'")


def drop_functions(revision: str) -> None:
    """Remove the functions of `functions/REVISION.sql`, the last first."""
    for name, _, _ in reversed(list(_parts("function", revision))):
        run(f"DROP FUNCTION :schema.{name}")


def run(statement: str) -> None:
    """Run one statement, or write it into the script."""
    migration = op.get_context()
    statement = statement.replace(":schema", f'"{migration.version_table_schema}"').strip()
    if migration.as_sql and migration.dialect.name == "mariadb":
        # For the client `mariadb`, which must be told where a statement with semicolons ends.
        migration.impl.static_output(f"DELIMITER //\n{statement}//\nDELIMITER ;\n")
    elif migration.as_sql:
        migration.impl.static_output(f"{statement.rstrip(';')};\n")
    else:
        op.execute(sa.text(statement.replace(":", r"\:")))


def _parts(kind: str, revision: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, comment and text of each part."""
    pieces = re.split(rf"^-- {kind} (.+?): (.+)$", _read(f"{kind}s/{revision}.sql"), flags=re.M)
    for at in range(1, len(pieces), 3):
        yield pieces[at], pieces[at + 1], pieces[at + 2].strip()


def _spelt(text: str, words: Mapping[str, str]) -> str:
    def spell(found: re.Match[str]) -> str:
        given = [part.strip() for part in found[2].split(",")] if found[2] else []
        return words[found[1]].format(*given)

    with_brackets = re.sub(r"@(\w+)\(([^()]*)\)", spell, text)
    return re.sub(r"@(\w+)()", spell, with_brackets)


def _read(name: str) -> str:
    return (Path(context.script.dir) / name).read_text(encoding="utf-8")
