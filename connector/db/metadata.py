"""The one MetaData that every table of ours hangs on."""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ck": "%(table_name)s_%(constraint_name)s",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
    }
)


def in_schema(schema: str | None) -> sa.MetaData:
    """Return a copy of the metadata whose tables are in the named schema (None: in none)."""
    copy = sa.MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        if schema is None:
            table.to_metadata(copy)
        else:
            table.to_metadata(copy, schema=schema)
    return copy
