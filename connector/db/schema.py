"""Which schema the database holds, and whether this program may run on it."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

import connector
from connector.db.engine import Database, Tx
from connector.db.errors import DatabaseError, SchemaMismatch, SchemaMissing, SchemaOld
from connector.db.metadata import metadata
from connector.db.types import Timestamp

PRODUCT = "webex-connector"

VERSION = 11
"""Version of the schema that this program knows; a later one says itself who may run on it."""

schema_info = sa.Table(
    "schema_info",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False, comment="always 1"),
    sa.Column("product", sa.Text, nullable=False, comment="whose schema this is"),
    sa.Column("version", sa.Integer, nullable=False, comment="version of the schema"),
    sa.Column("oldest_program", sa.Text, nullable=False, comment="older programs must not run"),
    sa.Column("environment", sa.Text, comment="name of the deployment the data belongs to"),
    sa.Column("created_at", Timestamp, nullable=False, comment="when it was made"),
    sa.Column(
        "secret_keys",
        sa.Text,
        comment="fingerprints of the keys in the key file, the newest first; null: none is made",
    ),
    sa.CheckConstraint("id = 1", name="one_row"),
    comment="What this schema is, and which programs may run on it",
)


def check(database: Database) -> None:
    """Return if the database holds a schema that this program may run on.

    Raises SchemaMissing, SchemaOld or SchemaMismatch with what to do, or Unavailable.
    """
    missing = database.dialect.missing(database.engine.url)
    if missing:
        raise SchemaMissing(f"{missing}; make it with: webex-connector migrate")
    try:
        row = database.read(_read)
    except DatabaseError:
        # SQLite tells a missing table as the same kind of error as a server out of reach.
        if not _answers(database) or _is_there(database):
            raise
        row = None
    except DBAPIError:
        row = None
    if row is None:
        raise SchemaMissing(
            f"the database {database.shown} holds no tables of "
            "Webex Connector; make them with: webex-connector migrate"
        )
    product, version, oldest = row
    if product != PRODUCT:
        raise SchemaMismatch(
            f"the tables belong to {product!r}, not to {PRODUCT}; "
            "name another database or schema in [Database]"
        )
    known = f"this program is {connector.__version__} and knows version {VERSION}"
    if version < VERSION:
        raise SchemaOld(f"the schema has version {version}, {known}; run: webex-connector migrate")
    if _order(connector.__version__) < _order(oldest):
        raise SchemaMismatch(
            f"the schema has version {version}, {known}; "
            f"it needs webex-connector {oldest} or later: upgrade this program"
        )


def foreign(database: Database, environment: str) -> str | None:
    """Say why workers with [Server] Environment `environment` would claim nothing, if so.

    Data that has no name yet takes that of its first worker. Raises Unavailable.
    """
    named = database.read(lambda tx: tx.execute(sa.select(schema_info.c.environment)).scalar())
    if (named or "") == environment or (named is None and environment):
        return None
    return (
        f"the data belongs to the environment {named!r}, and [Server] Environment is "
        f"{environment!r}: workers claim nothing. Set it right; or if this is a restored copy, run "
        "webex-connector restored"
    )


@dataclass(frozen=True, slots=True)
class Described:
    """What the database says of itself: version of the schema, name of the deployment."""

    version: int
    environment: str | None


def described(tx: Tx) -> Described:
    """Return what the database says of itself."""
    row = tx.execute(sa.select(schema_info.c.version, schema_info.c.environment)).one()
    return Described(row.version, row.environment)


def name_environment(tx: Tx, environment: str | None) -> str | None:
    """Give the data the name of a deployment, if it has none yet; return the name it has then."""
    nameless = schema_info.c.environment.is_(None)
    tx.execute(sa.update(schema_info).where(nameless).values(environment=environment))
    named: str | None = tx.execute(sa.select(schema_info.c.environment)).scalar()
    return named


def migrations() -> Path:
    """Return the folder of the migrations: inside the package, or beside it in a checkout."""
    inside = Path(str(resources.files("connector"))) / "migrations"
    return inside if inside.is_dir() else inside.parent.parent / "migrations"


def _read(tx: Tx) -> tuple[str, int, str] | None:
    # Of any version: it may not have the newest columns.
    said = schema_info.c
    row = tx.execute(sa.select(said.product, said.version, said.oldest_program)).first()
    return None if row is None else (row.product, row.version, row.oldest_program)


def _answers(database: Database) -> bool:
    try:
        database.read(lambda tx: tx.execute(sa.select(sa.literal(1))).scalar())
    except DatabaseError:
        return False
    return True


def _is_there(database: Database) -> bool:
    inspector = sa.inspect(database.engine)
    return inspector.has_table(schema_info.name, schema=database.schema)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
