"""`migrate`: run the migrations on the configured database."""

import contextlib
import io

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from connector.cli.wiring import database_of, refuse
from connector.config import Settings
from connector.config.addresses import shown_url
from connector.db import schema
from connector.db.engine import Database
from connector.db.errors import SchemaMissing, SchemaOld

TRIES = 20
"""How often a migration is tried while somebody holds a lock it needs, a few seconds each."""


def run(settings: Settings) -> None:
    """Bring the database's schema to the version of this program; touch nobody else's tables."""
    owner = settings.database.direct_url_for("migrate") or settings.database.url_for("migrate")
    url = shown_url(owner.get_secret_value())
    if settings.database.pooler and not settings.database.direct_url:
        refuse("a migration needs a session of its own: set [Database] DirectURL to the server")
    with database_of(
        settings, "migrate", create=True, statement_seconds=0.0, direct=True
    ) as database:
        with contextlib.suppress(SchemaMissing, SchemaOld):
            schema.check(database)
        try:
            _upgrade_patiently(database)
        except OSError as error:
            refuse(
                f"cannot make the folder of {url}: {error.strerror}; give this user the right "
                "to, or choose another with [Paths] DataDirectory or [Database] URL"
            )
        except PendingRollbackError:
            refuse(f"the connection to {url} was lost: run webex-connector migrate again")
        except DBAPIError as error:
            first = str(error.orig).partition("\n")[0]
            refuse(
                f"cannot make the tables in {url}: {first}; this user needs the right to write "
                "there, or choose another with [Paths] DataDirectory or [Database] URL"
            )
        schema.check(database)
        named = database.run(schema.name_environment, settings.server.environment or None)
        print(f"ready: {url}{f', environment {named}' if named else ''}")


def _upgrade_patiently(database: Database) -> None:
    for left in reversed(range(TRIES)):
        try:
            upgrade(database)
            return
        except DBAPIError as error:
            if not left or not database.dialect.is_locked(error):
                raise
            said = str(error.orig).partition("\n")[0]
            print(f"waiting: {said}; trying again, at most {left} times", flush=True)


def upgrade(database: Database) -> None:
    """Run the migrations up to the newest. Raises DBAPIError, Migrating."""
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(schema.migrations()).replace("%", "%%"))
    config.attributes["database"] = database
    command.upgrade(config, "head")
