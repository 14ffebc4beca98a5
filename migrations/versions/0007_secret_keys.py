"""Which keys the key file of every host must hold."""

import sqlalchemy as sa
from alembic import op

from connector.db.dialects.ddl import announce, once
from connector.db.dialects.scripts import create_functions, run

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

schema = op.get_context().version_table_schema
engine = op.get_context().dialect.name


def upgrade() -> None:
    announce("0007 adds a column to schema_info, and locks that for an instant")
    column = sa.Column(
        "secret_keys",
        sa.Text(),
        comment="fingerprints of the keys in the key file, the newest first; null: none is made",
    )
    op.add_column("schema_info", column, schema=schema, **once())
    if engine == "postgresql":
        create_functions("0007")
        run("SELECT :schema.grant_rights()")
    op.execute(_info().update().values(version=7))


def downgrade() -> None:
    announce("0007 removes a column of schema_info, and locks that for an instant")
    op.execute(_info().update().values(version=6))
    if engine == "postgresql":
        create_functions("0006", only="grant_rights()")
    op.drop_column("schema_info", "secret_keys", schema=schema)


def _info() -> sa.TableClause:
    return sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)
