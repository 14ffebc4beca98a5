"""Indexes for jobs that wait for tasks, and for ended jobs by time.

A revision of their own: on PostgreSQL they are built outside of a transaction, and whatever comes
before in the same revision would be done, and done again when this is repeated.
"""

import sqlalchemy as sa
from alembic import op

from connector.db.dialects.ddl import announce, create_index, drop_index

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

schema = op.get_context().version_table_schema


def upgrade() -> None:
    announce("0003 builds two indexes on jobs: writers go on meanwhile, on PostgreSQL and MariaDB")
    create_index(
        "jobs_tasks",
        "jobs",
        ["state", "queue", "task_key", "rank", "token"],
        "state = 'queued' AND task_key IS NOT NULL",
    )
    create_index("jobs_ended", "jobs", ["state", "ended_at", "token"], "ended_at IS NOT NULL")
    op.execute(_info().update().values(version=3))


def downgrade() -> None:
    announce("0003 removes two indexes of jobs: writers go on meanwhile on PostgreSQL and MariaDB")
    op.execute(_info().update().values(version=2))
    drop_index("jobs_ended", "jobs")
    drop_index("jobs_tasks", "jobs")


def _info() -> sa.TableClause:
    return sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)
