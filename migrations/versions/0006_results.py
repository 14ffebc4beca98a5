"""Results too large for their rows in jobs, in a table of their own."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from connector.db.dialects.ddl import announce, once
from connector.db.dialects.scripts import create_functions, run, run_guard
from connector.db.types import Identifier

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Frozen on purpose: what a migration did must not change with the program.
LongText = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mariadb")
MARIADB: dict[str, Any] = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}

schema = op.get_context().version_table_schema
engine = op.get_context().dialect.name


def upgrade() -> None:
    announce("0006 adds the table job_results, and locks jobs for a moment, to add a trigger")
    op.create_table(
        "job_results",
        sa.Column("token", Identifier(), nullable=False, comment="the job"),
        sa.Column(
            "number",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="place of the part; 0 says what the others are",
        ),
        sa.Column("content", LongText, nullable=False, comment="JSON, or a piece of it"),
        sa.ForeignKeyConstraint(
            ["token"],
            [f"{schema}.jobs.token" if schema else "jobs.token"],
            name=op.f("job_results_token_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token", "number", name=op.f("job_results_pkey")),
        comment="Results too large for their rows in jobs, in parts; gone when the job runs again",
        schema=schema,
        **once(),
        **MARIADB,
    )
    run_guard("0006")
    if engine == "postgresql":
        run("COMMENT ON INDEX :schema.job_results_pkey IS 'the key of job_results'")
        create_functions("0006")
        run("SELECT :schema.grant_rights()")
    op.execute(_info().update().values(version=6))


def downgrade() -> None:
    announce(
        "0006 removes the table job_results with all that is in it, so that of large results the "
        "beginning is left, and locks jobs for a moment, to remove a trigger"
    )
    op.execute(_info().update().values(version=5))
    if engine == "postgresql":
        create_functions("0005", only="grant_rights()")
    run_guard("0006", drop=True)
    op.drop_table("job_results", schema=schema)


def _info() -> sa.TableClause:
    return sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)
