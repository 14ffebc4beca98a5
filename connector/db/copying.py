"""Rows as JSON documents and back, the same on every engine; and a walk through a table by key."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from connector.db.engine import Tx
from connector.db.types import Timestamp

Row = Mapping[str, Any]
"""A row by column name; times as ISO 8601 texts."""

PAGE = 200
"""Rows read by one statement."""


def rows(
    tx: Tx, table: sa.Table, key: sa.Column[Any], *chosen: ColumnElement[bool]
) -> Iterator[Row]:
    """Yield rows in the order of `key`, which tells them apart, in short statements."""
    after: Any = None
    while True:
        select = sa.select(table).where(*chosen).order_by(key).limit(PAGE)
        if after is not None:
            select = select.where(key > after)
        found = tx.execute(select).all()
        yield from (_document(row) for row in found)
        if len(found) < PAGE:
            return
        after = found[-1]._mapping[key.name]


def belonging(
    tx: Tx, table: sa.Table, key: sa.Column[Any], owner: sa.Column[Any], order: sa.Column[Any]
) -> Iterator[Row]:
    """Yield the rows of a table whose `owner` column names a row of another, which has that `key`.

    By key, and those of one by `order`.
    """
    keys = keys_of(tx, key)
    while some := list(islice(keys, PAGE)):
        select = sa.select(table).where(owner.in_(some)).order_by(owner, order)
        yield from [_document(row) for row in tx.execute(select)]


def keys_of(tx: Tx, key: sa.Column[Any]) -> Iterator[Any]:
    """Yield the different values of a key's column in order."""
    after: Any = None
    while True:
        select = sa.select(key).distinct().order_by(key).limit(PAGE)
        if after is not None:
            select = select.where(key > after)
        found = tx.execute(select).scalars().all()
        yield from found
        if len(found) < PAGE:
            return
        after = found[-1]


def values(table: sa.Table, row: Row) -> dict[str, Any]:
    """Return what a row holds as the table takes it. Raises ValueError for another table's row."""
    if row.keys() != set(table.c.keys()):
        wrong = sorted(row.keys() ^ set(table.c.keys()))
        raise ValueError(f"a row of {table.name} has other columns: {', '.join(wrong)}")
    return {column.name: _value(column, row[column.name]) for column in table.c}


def insert(tx: Tx, table: sa.Table, found: Iterable[dict[str, Any]], *, new: bool = False) -> None:
    """Store rows; with `new` those whose key is there already are left alone."""
    if some := list(found):
        statement = tx.dialect.insert_new(table) if new else sa.insert(table)
        tx.execute(statement.values({name: sa.bindparam(name) for name in some[0]}), some)


def _document(row: sa.Row[Any]) -> Row:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row._mapping.items()
    }


def _value(column: sa.Column[Any], value: Any) -> Any:
    if value is None or not isinstance(column.type, Timestamp):
        return value
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{column.name} of a row has no zone: {value}")
    return moment
