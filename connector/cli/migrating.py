"""`migrate`: run the migrations on the configured database."""

import contextlib
import io

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from connector.cli.wiring import database_of, refuse
from connector.config import Settings
from connector.config.addresses import shown_url
from connector.db import schema
from connector.db.engine import Database
from connector.db.errors import SchemaMissing, SchemaOld


def run(settings: Settings) -> None:
    """Bring the database's schema to the version of this program; touch nobody else's tables."""
    url = shown_url(settings.database.url.get_secret_value())
    with database_of(settings, "migrate", create=True) as database:
        with contextlib.suppress(SchemaMissing, SchemaOld):
            schema.check(database)
        try:
            _upgrade(database)
        except OSError as error:
            refuse(
                f"cannot make the folder of {url}: {error.strerror}; give this user the right "
                "to, or choose another with [Paths] DataDirectory or [Database] URL"
            )
        except DBAPIError as error:
            first = str(error.orig).partition("\n")[0]
            refuse(
                f"cannot make the tables in {url}: {first}; this user needs the right to write "
                "there, or choose another with [Paths] DataDirectory or [Database] URL"
            )
        schema.check(database)
        print(f"ready: {url}")


def _upgrade(database: Database) -> None:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(schema.migrations()).replace("%", "%%"))
    config.attributes["database"] = database
    with contextlib.redirect_stdout(io.StringIO()):
        command.upgrade(config, "head")
