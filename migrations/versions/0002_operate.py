"""What operators need: limits, drained hosts, begun tasks."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from connector.db.dialects.ddl import announce, once
from connector.db.dialects.scripts import run_guard
from connector.db.types import Identifier, Timestamp

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Frozen on purpose: what a migration did must not change with the program.
Name = sa.Text().with_variant(mysql.VARCHAR(255, collation="utf8mb4_nopad_bin"), "mariadb")
Digest = sa.Text().with_variant(mysql.CHAR(32, charset="ascii", collation="ascii_bin"), "mariadb")
MARIADB: dict[str, Any] = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}

schema = op.get_context().version_table_schema
ONCE = once()

ADDED: tuple[tuple[str, str, Any, str], ...] = (
    ("jobs", "task_key", Digest, "digest of tasks: claims pass over all that wait for the same"),
    (
        "queues",
        "max_running",
        sa.Integer(),
        "most that run in the whole cluster; null: no limit",
    ),
    (
        "queues",
        "ageing_step",
        sa.Float(),
        "seconds of waiting that a point of priority is worth",
    ),
    (
        "workers",
        "lease_seconds",
        sa.Float(),
        "how long it may be silent before it counts as dead",
    ),
    ("workers", "environment", sa.Text(), "deployment it works for; as in schema_info, or idle"),
    ("workers", "build", sa.Text(), "digest of the program's files"),
    ("workers", "config_hash", sa.Text(), "configuration it runs with"),
)
"""Table, column, type, comment."""


def qualified(name: str) -> str:
    return f"{schema}.{name}" if schema else name


def upgrade() -> None:
    announce("0002 adds columns to jobs, queues and workers: each is locked for an instant")
    for table, column, kind, comment in ADDED:
        op.add_column(table, sa.Column(column, kind, comment=comment), schema=schema, **ONCE)
    op.create_table(
        "job_tasks",
        sa.Column("task", Name, nullable=False, comment="the task"),
        sa.Column("token", Identifier(), nullable=False, comment="the job that has begun it"),
        sa.ForeignKeyConstraint(
            ["token"],
            [qualified("jobs.token")],
            name=op.f("job_tasks_token_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("task", name=op.f("job_tasks_pkey")),
        comment="The job that has begun each task and has not ended: no other begins it meanwhile",
        schema=schema,
        **ONCE,
        **MARIADB,
    )
    op.create_index("job_tasks_token", "job_tasks", ["token"], schema=schema, **ONCE)
    op.create_table(
        "drained_hosts",
        sa.Column("host", Name, nullable=False, comment="name of the host"),
        sa.Column("drained_at", Timestamp(), nullable=False, comment="since when"),
        sa.Column("drained_by", sa.Text(), nullable=False, comment="by whom"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why"),
        sa.PrimaryKeyConstraint("host", name=op.f("drained_hosts_pkey")),
        comment="Hosts whose workers claim nothing; remove the row and they claim again",
        schema=schema,
        **ONCE,
        **MARIADB,
    )
    run_guard("0002")
    # Programs before this one know nothing of begun tasks, and would begin them twice.
    op.execute(_info().update().values(version=2, oldest_program="0.2.0"))


def downgrade() -> None:
    announce("0002 removes what it added: jobs, queues and workers are locked for an instant each")
    op.execute(_info().update().values(version=1, oldest_program="0.1.0"))
    run_guard("0002", drop=True)
    op.drop_table("drained_hosts", schema=schema)
    op.drop_table("job_tasks", schema=schema)
    for table, column, _, _ in ADDED:
        op.drop_column(table, column, schema=schema)


def _info() -> sa.TableClause:
    return sa.table(
        "schema_info",
        sa.column("version", sa.Integer),
        sa.column("oldest_program", sa.Text),
        schema=schema,
    )
