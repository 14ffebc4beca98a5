"""Inserting rows into PostgreSQL: they travel as one JSON text, or very many by COPY.

Source of COPY's text format: "File Formats" of COPY in PostgreSQL's documentation.
"""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.listener import per_row, tell
from connector.db.types import json_text

MANY = 200
"""Rows from which on it is worth it: what they share is asked for by a statement before."""

_TOLD_APART = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULL = "\\N"

Field = Callable[[Any], str]
"""Writes a value as COPY reads it."""


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    shared: Mapping[str, ColumnElement[Any]],
    news: sa.Column[str] | None,
) -> None:
    """Insert rows as `Dialect.insert_new_rows` has it."""
    if len(rows) < MANY or not _copied(connection, table, rows, shared):
        telling = None if news is None else per_row(news)
        statement = _from_json(table, tuple(rows[0]), tuple(shared.items()), telling)
        connection.execute(statement, {"rows": list(rows)})
    elif news is not None:
        driver: Any = connection.connection.driver_connection
        tell(connection, {row[news.name] for row in rows}, alone=driver.autocommit)


@lru_cache(maxsize=64)
def _from_json(
    table: sa.Table,
    names: tuple[str, ...],
    shared: tuple[tuple[str, ColumnElement[Any]], ...],
    telling: ColumnElement[Any] | None,
) -> sa.Executable:
    """Return the statement, whose parameter `rows` is a list of rows: a third of the time that many
    values take.

    `names`: of their columns; `telling`: what is called for each row that was not there.
    """
    columns = [sa.column(name, table.c[name].type) for name in names]
    sent = sa.func.json_to_recordset(sa.bindparam("rows", type_=sa.JSON))
    given = sent.table_valued(*columns, name="given").render_derived(with_types=True)
    query = sa.select(*given.c, *(element for _, element in shared))
    filled = [*names, *(name for name, _ in shared)]
    statement = insert(table).from_select(filled, query).on_conflict_do_nothing()
    return statement if telling is None else statement.returning(telling)


def _copied(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    shared: Mapping[str, ColumnElement[Any]],
) -> bool:
    """Insert rows, all or none of them; say whether it took them.

    It does not if one of them is there already, for instance. Whatever was the matter, a statement
    that leaves such rows alone will say it in the way that is expected of one.
    """
    worked_out = connection.execute(_worked_out(tuple(shared.items()))).one()
    common = "\t".join(map(_text, worked_out))
    fields = _fields(table, tuple(rows[0]))
    where = connection.get_execution_options().get("schema_translate_map", {}).get(None)
    copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*filter(None, (where, table.name))),
        sql.SQL(", ").join(map(sql.Identifier, (*rows[0], *shared))),
    )
    driver: Any = connection.connection.driver_connection
    step = contextlib.nullcontext() if driver.autocommit else driver.transaction()
    try:
        with step, driver.cursor() as cursor, cursor.copy(copy) as into:
            for start in range(0, len(rows), MANY):
                # The server takes one piece while the next is made.
                into.write("".join([_line(fields, row, common) for row in rows[start:][:MANY]]))
    except psycopg.Error:
        return False
    return True


def _line(fields: Sequence[Field], row: Mapping[str, Any], common: str) -> str:
    own = [field(value) for field, value in zip(fields, row.values(), strict=True)]
    return "\t".join([*own, common]) + "\n"


def _text(value: str | None) -> str:
    if value is None:
        return _NULL
    return value.translate(_ESCAPES) if _TOLD_APART.search(value) else value


def _json(value: Any) -> str:
    return _NULL if value is None else _text(json_text(value))


@lru_cache(maxsize=64)
def _fields(table: sa.Table, names: tuple[str, ...]) -> tuple[Field, ...]:
    return tuple(_json if isinstance(table.c[name].type, sa.JSON) else _text for name in names)


@lru_cache(maxsize=64)
def _worked_out(shared: tuple[tuple[str, ColumnElement[Any]], ...]) -> sa.Executable:
    texts = [sa.cast(element, sa.Text).label(name) for name, element in shared]
    return sa.select(*texts)
