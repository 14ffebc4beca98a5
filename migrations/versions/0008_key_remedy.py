"""What to do for an action whose key is missing: the view job_status says it."""

import sqlalchemy as sa
from alembic import context, op

from connector.db.dialects.ddl import announce
from connector.db.dialects.scripts import create_views

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

schema = op.get_context().version_table_schema
engine = op.get_context().dialect.name


def upgrade() -> None:
    announce("0008 replaces the view job_status, and locks no table")
    create_views("0008", _words())
    op.execute(_info().update().values(version=8))


def downgrade() -> None:
    announce("0008 puts back the view job_status, and locks no table")
    op.execute(_info().update().values(version=7))
    create_views("0004", _words(), only="job_status")


def _words() -> dict[str, str]:
    words: dict[str, str] = context.script.get_revision("0004").module.WORDS[engine]
    return words


def _info() -> sa.TableClause:
    return sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)
