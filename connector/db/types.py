"""Column types that mean the same on every engine."""

import contextlib
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

MARIADB_COLLATION = "utf8mb4_nopad_bin"
"""Texts are equal only if every character is: case, accents and blanks at the end count."""

Counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""A counter or number that never overflows; SQLite counts rows with INTEGER only."""

Name = sa.Text().with_variant(mysql.VARCHAR(255, collation=MARIADB_COLLATION), "mariadb")
"""A short text that keys and indexes hold; MariaDB indexes no text without a greatest length."""

LongText = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mariadb")
"""A text of up to some megabytes; MariaDB's ordinary one ends at 64 KiB."""

Digest = sa.Text().with_variant(mysql.CHAR(32, charset="ascii", collation="ascii_bin"), "mariadb")
"""32 hexadecimal digits."""

Document = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
"""JSON kept as the engine keeps it best."""

_UUID: dict[str, TypeEngine[Any]] = {
    "postgresql": postgresql.UUID(as_uuid=False),
    # Not its UUID, which orders by other bytes than the text does.
    "mariadb": mysql.CHAR(36, charset="ascii", collation="ascii_bin"),
}
_MOMENT: dict[str, TypeEngine[Any]] = {"mariadb": mysql.DATETIME(fsp=6)}


_ENCODER = json.JSONEncoder(ensure_ascii=False)
_BETWEEN = os.urandom(16).hex()


def json_text(value: Any) -> str:
    """Return a JSON value as it is stored: texts as people read them, a third of it in escapes."""
    return _ENCODER.encode(value)


def stored_json(text: str | bytes) -> Any:
    """Return a JSON value as it was stored; of a damaged one its text, so that rows can be read."""
    try:
        # As text: of bytes it would look each time in which encoding they are.
        return json.loads(text if isinstance(text, str) else str(text, "utf-8"))
    except ValueError:
        return text if isinstance(text, str) else text.decode("utf-8", "replace")


def stored_documents(texts: Sequence[str | None]) -> list[Any]:
    """Return many JSON values as `stored_json` does, by one call, in a quarter of the time.

    Between each two stands a text that nobody can know: damaged ones are never read into another.
    """
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        together = f',"{_BETWEEN}",'.join(texts)  # type: ignore[arg-type]
        values: list[Any] = json.loads(f"[{together}]")
        if values[1::2] == [_BETWEEN] * (len(texts) - 1) and len(values) == 2 * len(texts) - 1:
            return values[::2]
    return [None if text is None else stored_json(text) for text in texts]


class Identifier(TypeDecorator[str]):
    """A uuid as lower-case text with dashes, as it stands on the wire; native in PostgreSQL."""

    impl = sa.CHAR(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        """Return PostgreSQL's own uuid type, and fixed-width text elsewhere."""
        return dialect.type_descriptor(_UUID.get(dialect.name, sa.CHAR(36)))

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> None:
        """Return None: on every engine it is read as the text that we want."""
        return None

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Return the text in lower case, so that any case finds the same row on every engine."""
        return value if value is None else value.lower()


class Timestamp(TypeDecorator[datetime]):
    """A moment in UTC, microseconds kept; aware in Python, `timestamptz` in PostgreSQL.

    Where the engine knows no zones the column holds UTC, written so that text order is time order.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        """Return the engine's type that keeps microseconds."""
        return dialect.type_descriptor(_MOMENT.get(dialect.name, sa.DateTime(timezone=True)))

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the moment in UTC; a naive datetime is refused with ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the moment as an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
