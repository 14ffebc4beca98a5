"""`migrate`: run the migrations on the configured database."""

import contextlib
import io

from alembic import command
from alembic.config import Config

from connector.cli.wiring import database_of
from connector.config import Settings
from connector.config.addresses import shown_url
from connector.db import schema


def run(settings: Settings) -> None:
    """Bring the database's schema to the version of this program."""
    with database_of(settings, "migrate") as database:
        config = Config(stdout=io.StringIO())
        config.set_main_option("script_location", str(schema.migrations()).replace("%", "%%"))
        config.attributes["database"] = database
        with contextlib.redirect_stdout(io.StringIO()):
            command.upgrade(config, "head")
        schema.check(database)
        print(f"ready: {shown_url(settings.database.url.get_secret_value())}")
