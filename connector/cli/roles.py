"""`roles`: print the SQL that makes the six roles of PostgreSQL, each with least rights."""

import re

from connector.cli.wiring import database_of, refuse
from connector.config import Settings
from connector.db import schema

KINDS = ("owner", "http", "worker", "slot", "operator", "reader")
"""What each role is called, behind the schema's name and "_"."""

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def run(settings: Settings) -> None:
    """Print the script for the configured database and schema."""
    with database_of(settings, "roles") as database:
        url, has_roles = database.engine.url, database.dialect.has_roles
    if not has_roles:
        refuse(
            "roles are for PostgreSQL; docs/dba.md has the rights for MariaDB, and an SQLite file "
            "has none but those of the file"
        )
    if not url.database or not _PLAIN.fullmatch(url.database):
        refuse("the database URL names no database, or one whose name needs quoting; name another")
    print(script(settings.database.schema_name, url.database), end="")


def script(schema_name: str, database: str) -> str:
    """Return the script: plain SQL, which changes nothing when it is run again."""
    text = (schema.migrations() / "roles.sql").read_text(encoding="utf-8")
    return text.replace(":schema", schema_name).replace(":database", database)
