"""The action BackupServer: queue, configuration and datastore in one file, while all goes on.

Source: BackupServer in the vendor's connector references, for its parameter, its result, and what
the file is named after.
"""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, BinaryIO, ClassVar

from sqlalchemy.exc import DBAPIError

import connector
from connector.actions.action import (
    Context,
    Failed,
    Finished,
    InvalidParameter,
    Outcome,
    Parameter,
)
from connector.actions.server import folder
from connector.actions.server.archive import Origin, Writer
from connector.config import Settings, shown
from connector.datastore import backup as datastore
from connector.db import schema
from connector.db.engine import Database, Tx
from connector.jobs import backup as queue
from connector.jobs.token import stored_at

OpenDatabase = Callable[[str], Database]

MOST_SECONDS = 3600.0
"""Longest that the snapshot is held: until then the engine keeps what others remove."""

TOLD = 500
"""Rows after which progress is told."""

RIGHTS = (
    "where processes log in as roles of their own, [Database] BackupURL must name one that may "
    "read and change every table, such as the owner"
)


class TooLong(Exception):
    """The backup takes longer than the snapshot may be held."""


class BackupServer:
    """Writes a backup."""

    name: ClassVar[str] = "BackupServer"
    help: ClassVar[str] = "Write actions, configuration and datastore to a file of the server."
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "Path", "A folder inside the server's folder of backups; that itself if left out."
        ),
    )
    pausable: ClassVar[bool] = False

    def __init__(self, settings: Settings, open_database: OpenDatabase) -> None:
        self._settings = settings
        self._open_database = open_database

    def check_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Refuse a Path that is none inside the folder. Raises InvalidParameter."""
        folder.parts(parameters.get("Path", ""))

    def run(self, context: Context) -> Outcome:
        """Write the file, which is there when it is whole."""
        root, path = self._settings.paths.backups, context.parameters.get("Path", "")
        name = self._name(context.token)
        try:
            within = folder.parts(path)
            with (
                closing(self._open_database("backup")) as database,
                folder.written(root, path, name, context.token) as file,
                database.snapshot() as tx,
            ):
                rows = self._write(tx, file, context)
        except (InvalidParameter, TooLong) as error:
            return Failed(str(error))
        except OSError as error:
            return Failed(f"the backup cannot be written below {root}: {error}")
        except DBAPIError as error:
            return Failed(f"the database refused to be read: {first_line(error)}; {RIGHTS}")
        filename = "/".join((*within, name))
        context.log.info("backup written", filename=filename, rows=rows)
        return Finished({"filename": filename, "rows": rows})

    def _write(self, tx: Tx, file: BinaryIO, context: Context) -> int:
        told = Told(context, time.monotonic() + MOST_SECONDS)
        described = schema.described(tx)
        with Writer(file, told) as writer:
            for tables in (queue.tables, datastore.tables):
                for name, rows in tables(tx):
                    told.about = name
                    writer.table(name, rows)
            writer.configuration(shown.text(self._settings))
            writer.manifest(
                Origin(
                    product=schema.PRODUCT,
                    program=connector.__version__,
                    schema_version=described.version,
                    environment=described.environment,
                    made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                    made_by=context.token,
                    config_hash=self._settings.hash,
                )
            )
        return told.rows

    def _name(self, token: str) -> str:
        """Return the file's name: the same for each attempt of an action."""
        moment = datetime.fromtimestamp(stored_at(token) or 0.0, UTC)
        stamp = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}Z"
        server = self._settings.server
        host = re.sub(r"[^0-9A-Za-z.-]", "-", server.host)
        return f"{stamp}_{host}_{server.port}.zip"


class Told:
    """Counts rows, tells progress of them, and ends what takes too long."""

    def __init__(self, context: Context, end: float = float("inf")) -> None:
        self.rows = 0
        self.about = ""
        self._context = context
        self._end = end

    def __call__(self, rows: int) -> None:
        """Count so many more. Raises TooLong."""
        before, self.rows = self.rows, self.rows + rows
        if before // TOLD != self.rows // TOLD:
            self._context.progress(rows=self.rows, table=self.about)
            if time.monotonic() > self._end:
                raise TooLong(
                    f"the backup was given up after {MOST_SECONDS:.0f} s, since the database keeps "
                    "what is removed meanwhile; remove what is old ([Retention]), or use the "
                    "database's own backup"
                )


def first_line(error: DBAPIError) -> str:
    """Return what the engine said, without the rows that it may quote after it."""
    return str(error.orig).partition("\n")[0]
