"""The guard of PostgreSQL calls its function only for what is not usual."""

import sqlalchemy as sa
from alembic import op

from connector.db.dialects.ddl import announce
from connector.db.dialects.scripts import run_guard

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

schema = op.get_context().version_table_schema
engine = op.get_context().dialect.name


def upgrade() -> None:
    announce("0010 locks jobs for a moment on PostgreSQL, to change triggers")
    if engine == "postgresql":
        run_guard("0010")
    op.execute(_info().update().values(version=10))


def downgrade() -> None:
    announce("0010 locks jobs for a moment on PostgreSQL, to change triggers")
    op.execute(_info().update().values(version=9))
    if engine == "postgresql":
        run_guard("0010", drop=True)


def _info() -> sa.TableClause:
    return sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)
