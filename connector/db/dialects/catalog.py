"""What a schema is made of, as each engine's catalogue tells: to compare one with a fresh one."""

import re
from collections.abc import Callable, Iterator

import sqlalchemy as sa

Objects = dict[str, str]
"""Kind and name of an object to its definition."""

_POSTGRESQL = """
SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       pg_get_functiondef(p.oid)
FROM pg_proc p WHERE p.pronamespace = CAST(:oid AS regnamespace)
UNION ALL
SELECT 'trigger ' || t.tgname, pg_get_triggerdef(t.oid) || ' enabled ' || t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = CAST(:oid AS regnamespace) AND NOT t.tgisinternal
UNION ALL
SELECT 'view ' || v.viewname, v.definition FROM pg_views v WHERE v.schemaname = :name
UNION ALL
SELECT 'index ' || i.indexname, i.indexdef || CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END
FROM pg_indexes i JOIN pg_class c ON c.relname = i.indexname
     AND c.relnamespace = CAST(:oid AS regnamespace) JOIN pg_index x ON x.indexrelid = c.oid
WHERE i.schemaname = :name
UNION ALL
SELECT 'constraint ' || o.conname, pg_get_constraintdef(o.oid)
FROM pg_constraint o WHERE o.connamespace = CAST(:oid AS regnamespace) AND o.contype <> 'n'
UNION ALL
SELECT 'column ' || table_name || '.' || column_name,
       data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = :name
UNION ALL
SELECT 'comment on ' || c.relname || coalesce('.' || a.attname, ''), d.description
FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
     LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
WHERE d.classoid = CAST('pg_class' AS regclass) AND c.relnamespace = CAST(:oid AS regnamespace)
UNION ALL
SELECT 'right of everybody on ' || p.proname,
       CAST(has_function_privilege('public', p.oid, 'EXECUTE') AS text)
FROM pg_proc p WHERE p.pronamespace = CAST(:oid AS regnamespace)
"""

_MARIADB = """
SELECT CONCAT('trigger ', TRIGGER_NAME), CONCAT_WS(' ', ACTION_TIMING, EVENT_MANIPULATION,
       EVENT_OBJECT_TABLE, ACTION_STATEMENT)
FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = :schema
UNION ALL
SELECT CONCAT('view ', TABLE_NAME), VIEW_DEFINITION
FROM information_schema.VIEWS WHERE TABLE_SCHEMA = :schema
UNION ALL
SELECT CONCAT('index ', TABLE_NAME, '.', INDEX_NAME),
       CONCAT(GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX), ' ', MAX(INDEX_COMMENT))
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = :schema GROUP BY TABLE_NAME, INDEX_NAME
UNION ALL
SELECT CONCAT('constraint ', TABLE_NAME, '.', CONSTRAINT_NAME), CHECK_CLAUSE
FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = :schema
UNION ALL
SELECT CONCAT('column ', TABLE_NAME, '.', COLUMN_NAME), CONCAT_WS(' ', COLUMN_TYPE, IS_NULLABLE,
       COLLATION_NAME, COLUMN_DEFAULT, COLUMN_COMMENT)
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = :schema
UNION ALL
SELECT CONCAT('comment on ', TABLE_NAME), TABLE_COMMENT
FROM information_schema.TABLES WHERE TABLE_SCHEMA = :schema AND TABLE_TYPE = 'BASE TABLE'
"""

_SQLITE = "SELECT type || ' ' || name, sql FROM sqlite_master WHERE sql IS NOT NULL"

_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
"""A line of SQL that says nothing to the engine; some clients leave it out."""

_NOT_OURS = re.compile(r"(column |index |table |constraint |comment on )?alembic_version")


def read(connection: sa.Connection, schema: str | None) -> Objects:
    """Return the objects of a schema (None: of the database), its own name left out of them."""
    name = schema or connection.engine.url.database or ""
    found = dict(_READERS[connection.dialect.name](connection, name))
    return {
        kind: " ".join(
            _COMMENT.sub("", definition).replace(f"`{name}`.", "").replace(f"{name}.", "").split()
        )
        for kind, definition in found.items()
        if not _NOT_OURS.match(kind)
    }


def _postgresql(connection: sa.Connection, schema: str) -> Iterator[tuple[str, str]]:
    for kind, definition in connection.execute(
        sa.text(_POSTGRESQL), {"oid": schema, "name": schema}
    ):
        # The search_path of a function names its schema.
        own = f"TO '{schema}'", f'TO "{schema}"'
        yield kind, definition.replace(own[0], "TO ''").replace(own[1], 'TO ""')


def _mariadb(connection: sa.Connection, schema: str) -> Iterator[tuple[str, str]]:
    for kind, definition in connection.execute(sa.text(_MARIADB), {"schema": schema}):
        yield kind, definition or ""


def _sqlite(connection: sa.Connection, schema: str) -> Iterator[tuple[str, str]]:
    yield from ((row[0], row[1]) for row in connection.execute(sa.text(_SQLITE)))


_READERS: dict[str, Callable[[sa.Connection, str], Iterator[tuple[str, str]]]] = {
    "mariadb": _mariadb,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}
