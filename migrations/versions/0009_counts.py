"""How many jobs are stored, counted beforehand as those that have ended are."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from connector.db.dialects.ddl import announce, once
from connector.db.dialects.scripts import create_functions, run, run_guard
from connector.db.types import Identifier, Timestamp

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Frozen on purpose: what a migration did must not change with the program.
Name = sa.Text().with_variant(mysql.VARCHAR(255, collation="utf8mb4_nopad_bin"), "mariadb")
Counter = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MARIADB: dict[str, Any] = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}
TABLES = ("ended_late", "stored_counts", "stored_late")

schema = op.get_context().version_table_schema
engine = op.get_context().dialect.name


def upgrade() -> None:
    announce(
        "0009 adds the tables stored_counts, stored_late and ended_late, and locks jobs for a "
        "moment, to change triggers"
    )
    _create(
        "ended_late",
        "Jobs that ended_counts leaves out though their end is before upto: told afterwards",
        sa.Column("token", Identifier(), nullable=False, comment="a job that has ended"),
        sa.Column("queue", Name, nullable=False, comment="the action's name"),
        sa.Column(
            "ended_at", Timestamp(), nullable=False, comment="when it ended, as its own row says"
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("ended_late_pkey")),
    )
    _create(
        "stored_counts",
        "How many jobs are stored, but for the newest, which are counted when somebody asks",
        sa.Column("queue", Name, nullable=False, comment="the action's name"),
        sa.Column(
            "jobs", Counter, nullable=False, comment="its jobs that are stored with a token to upto"
        ),
        sa.Column(
            "upto", Identifier(), nullable=False, comment="the same for all; workers move it on"
        ),
        sa.PrimaryKeyConstraint("queue", name=op.f("stored_counts_pkey")),
    )
    _create(
        "stored_late",
        "Jobs that stored_counts leaves out though their token is before upto: stored later",
        sa.Column("token", Identifier(), nullable=False, comment="a job that is stored"),
        sa.Column("queue", Name, nullable=False, comment="the action's name"),
        sa.PrimaryKeyConstraint("token", name=op.f("stored_late_pkey")),
    )
    run_guard("0009")
    if engine == "postgresql":
        for table in TABLES:
            run(f"COMMENT ON INDEX :schema.{table}_pkey IS 'the key of {table}'")
        create_functions("0009")
        run("SELECT :schema.grant_rights()")
    op.execute(_info().update().values(version=9))


def downgrade() -> None:
    announce(
        "0009 removes the tables stored_counts, stored_late and ended_late, has ended_counts "
        "counted anew, and locks jobs for a moment, to change triggers"
    )
    op.execute(_info().update().values(version=8))
    if engine == "postgresql":
        create_functions("0007", only="grant_rights()")
    run_guard("0009", drop=True)
    op.execute(sa.delete(sa.table("ended_counts", schema=schema)))
    for table in reversed(TABLES):
        op.drop_table(table, schema=schema)


def _create(name: str, told: str, *columns: sa.Column[Any] | sa.Constraint) -> None:
    op.create_table(name, *columns, comment=told, schema=schema, **once(), **MARIADB)


def _info() -> sa.TableClause:
    return sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)
