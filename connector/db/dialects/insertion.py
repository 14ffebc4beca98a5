"""Inserting many rows by one statement, which is built once: building takes longer than sending."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

AsStored = Callable[[Any], Any]
"""Makes a value what the driver stores."""


@lru_cache(maxsize=64)
def by_places(
    table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect
) -> tuple[str, str, Sequence[tuple[str, AsStored]]]:
    """Return how SQLite's statement begins, the places of one row, and how each value is stored."""
    stored: list[tuple[str, AsStored]] = []
    for name in names:
        kind = table.c[name].type.dialect_impl(dialect)
        stored.append((name, kind.bind_processor(dialect) or _as_it_is))
    head = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES"
    return head, f"({','.join('?' * len(names))})", stored


def _as_it_is(value: Any) -> Any:
    return value
