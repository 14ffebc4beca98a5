"""Inserting rows into PostgreSQL: they travel as one JSON text, or very many by COPY.

Source of COPY's text format: "File Formats" of COPY in PostgreSQL's documentation.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import ColumnElement

from connector.db.dialects.listener import per_row, tell
from connector.db.types import json_text

MANY = 200
"""Rows from which on it is worth it: what they share is asked for by a statement before."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_TOLD_APART = "\\\t\n\r"
_NULL = "\\N"


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    shared: Mapping[str, ColumnElement[Any]],
    news: Sequence[sa.Column[Any]],
) -> None:
    """Insert rows as `Dialect.insert_new_rows` has it.

    That none of them is there already is what is tried first, as it costs less.
    """
    given = _Given(connection, table, rows, shared, news)
    if not (given.copied() if len(rows) >= MANY else given.inserted()):
        given.insert(leave=True)


@dataclass(frozen=True, slots=True)
class _Given:
    """Rows to insert. What inserts all or none of them says whether it did."""

    connection: sa.Connection
    table: sa.Table
    rows: Sequence[Mapping[str, Any]]
    shared: Mapping[str, ColumnElement[Any]]
    news: Sequence[sa.Column[Any]]

    def insert(self, *, leave: bool) -> None:
        """Insert them by one statement; `leave`: but those that are there."""
        telling = per_row(tuple(self.news)) if self.news else None
        names, shared = tuple(self.rows[0]), tuple(self.shared.items())
        statement = _from_json(self.table, names, shared, telling, leave)
        self.connection.execute(statement, {"rows": list(self.rows)})

    def inserted(self) -> bool:
        """Insert all or none, but not within a transaction: that would need a savepoint, which is a
        round trip more.
        """
        if not self._driver.autocommit:
            return False
        try:
            self.insert(leave=False)
        except IntegrityError:
            return False
        return True

    def copied(self) -> bool:
        """Insert all or none by COPY.

        None if one of them is there already, for instance. Whatever was the matter, a statement
        that leaves such rows alone will say it in the way that is expected of one.
        """
        connection, table, rows = self.connection, self.table, self.rows
        worked_out = connection.execute(_worked_out(tuple(self.shared.items()))).one()._mapping
        given = {name: [row[name] for row in rows] for name in rows[0]}
        alike = {name: each[0] for name, each in given.items() if _are_alike(table.c[name], each)}
        own = [name for name in given if name not in alike]
        end = "\t".join(_escaped([*alike.values(), *worked_out.values()])) + "\n"
        where = connection.get_execution_options().get("schema_translate_map", {}).get(None)
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(*filter(None, (where, table.name))),
            sql.SQL(", ").join(map(sql.Identifier, (*own, *alike, *self.shared))),
        )
        driver = self._driver
        step = contextlib.nullcontext() if driver.autocommit else driver.transaction()
        try:
            with step, driver.cursor() as cursor, cursor.copy(copy) as into:
                for start in range(0, len(rows), MANY):
                    # The server takes one piece while the next is made.
                    piece = slice(start, start + MANY)
                    columns = [_written(table.c[name], given[name][piece]) for name in own]
                    into.write("".join(map("\t".join, zip(*columns, repeat(end)))))
        except psycopg.Error:
            return False
        if self.news:
            names = [column.name for column in self.news]
            told = {" ".join((row.get(name) or worked_out[name]) for name in names) for row in rows}
            tell(connection, told, alone=driver.autocommit)
        return True

    @property
    def _driver(self) -> Any:
        return self.connection.connection.driver_connection


@lru_cache(maxsize=64)
def _from_json(
    table: sa.Table,
    names: tuple[str, ...],
    shared: tuple[tuple[str, ColumnElement[Any]], ...],
    telling: ColumnElement[Any] | None,
    leave: bool,
) -> sa.Executable:
    """Return the statement, whose parameter `rows` is a list of rows: a third of the time that many
    values take.

    `names`: of their columns; `telling`: what is called for each row that was not there; `leave`:
    whether it leaves alone those that were. For each row that may be one of them 48 bytes of WAL
    confirm that it is not.
    """
    columns = [sa.column(name, table.c[name].type) for name in names]
    sent = sa.func.json_to_recordset(sa.bindparam("rows", type_=sa.JSON))
    given = sent.table_valued(*columns, name="given").render_derived(with_types=True)
    query = sa.select(*given.c, *(element for _, element in shared))
    filled = [*names, *(name for name, _ in shared)]
    statement = insert(table).from_select(filled, query)
    if leave:
        statement = statement.on_conflict_do_nothing()
    return statement if telling is None else statement.returning(telling)


def _are_alike(column: sa.Column[Any], values: Sequence[Any]) -> bool:
    """Say whether all rows have the same in a column, so that it is written once.

    Never of a key, and never of JSON: Python thinks that 1 and true are equal.
    """
    if column.primary_key or isinstance(column.type, sa.JSON):
        return False
    return values.count(values[0]) == len(values)


def _written(column: sa.Column[Any], values: Sequence[Any]) -> Sequence[str]:
    """Return the values of a column as COPY reads them."""
    if isinstance(column.type, sa.JSON):
        values = [None if value is None else json_text(value) for value in values]
    return _escaped(values)


def _escaped(texts: Sequence[str | None]) -> Sequence[str]:
    whole = "".join(filter(None, texts))
    if any(sign in whole for sign in _TOLD_APART):  # of all at once, as most have none
        texts = [text and text.translate(_ESCAPES) for text in texts]
    return [_NULL if text is None else text for text in texts]


@lru_cache(maxsize=64)
def _worked_out(shared: tuple[tuple[str, ColumnElement[Any]], ...]) -> sa.Executable:
    texts = [sa.cast(element, sa.Text).label(name) for name, element in shared]
    return sa.select(*texts)
