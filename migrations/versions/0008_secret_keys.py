"""Which keys the key file of every host must hold."""

import sqlalchemy as sa
from alembic import op

from connector.db.dialects.ddl import announce, once
from connector.db.dialects.scripts import create_functions, run

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None

schema = op.get_context().version_table_schema
engine = op.get_context().dialect.name


def upgrade() -> None:
    announce("0008 adds a column to schema_info, and locks that for an instant")
    column = sa.Column(
        "secret_keys",
        sa.Text(),
        comment="fingerprints of the keys in the key file, the newest first; null: none is made",
    )
    op.add_column("schema_info", column, schema=schema, **once())
    if engine == "postgresql":
        create_functions("0008")
        run("SELECT :schema.grant_rights()")
    op.execute(_info().update().values(version=8))


def downgrade() -> None:
    announce("0008 removes a column of schema_info, and locks that for an instant")
    op.execute(_info().update().values(version=5))
    if engine == "postgresql":
        create_functions("0005", only="grant_rights()")
    op.drop_column("schema_info", "secret_keys", schema=schema)


def _info() -> sa.TableClause:
    return sa.table("schema_info", sa.column("version", sa.Integer), schema=schema)
