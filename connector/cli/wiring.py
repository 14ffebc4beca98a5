"""What several commands need: settings, the database, and errors turned into sentences."""

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from connector import log
from connector.actions.registry import names
from connector.config import ConfigError, Loaded, Settings, load
from connector.config.database import one_for_all
from connector.db.errors import DatabaseError
from connector.process import open_database

if TYPE_CHECKING:
    from connector.db.engine import Database

UNUSABLE = 2
"""Exit status when a command cannot begin: settings, database, port, rights."""


def settings_of(
    config: Path | None, flags: Mapping[str, str | None], process: str | None = None
) -> Settings:
    """Load the settings; say what is wrong and exit if they cannot be used.

    `process`: set up logging for it and log the warnings; None prints them.
    """
    try:
        loaded = loaded_from(config, flags)
    except ConfigError as error:
        refuse("\n".join(error.problems))
    if process is not None:
        log.configure(loaded.settings.logging, process)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return loaded.settings


def loaded_from(config: Path | None, flags: Mapping[str, str | None]) -> Loaded:
    """Load the settings from file, environment and the flags that were given.

    A database that was given is the one for every kind of process. Raises ConfigError with every
    problem.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    if url := given.get("Database.URL"):
        given |= one_for_all(url)
    return load(config, os.environ, given, names())


@contextmanager
def database_of(
    settings: Settings,
    application: str,
    *,
    create: bool = False,
    statement_seconds: float = 5.0,
    direct: bool = False,
) -> Iterator["Database"]:
    """Open the database of the settings for one command; `create`: make its file if need be.

    `statement_seconds`: how long one statement may take; 0: as long as it needs. `direct`: around
    a pooler, if it is known how.
    """
    try:
        database = open_database(
            settings,
            application,
            create=create,
            statement_seconds=statement_seconds,
            direct=direct,
        )
    except DatabaseError as error:
        refuse(str(error))
    try:
        yield database
    except DatabaseError as error:
        refuse(str(error))
    finally:
        database.close()


@contextmanager
def checked_database(
    settings: Settings, application: str, *, direct: bool = False
) -> Iterator["Database"]:
    """Open the database of the settings for one command that works on its tables."""
    from connector.db import schema

    with database_of(settings, application, direct=direct) as database:
        schema.check(database)
        yield database


def listen(host: str, port: int, setting: str) -> socket.socket:
    """Return a listening socket, or say why there is none and exit.

    `setting`: where another port can be chosen.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        refuse(
            f"cannot listen on {host}:{port}: {error.strerror}; "
            f"stop what uses the port, or choose another with {setting}"
        )
    listener.listen(1024)
    return listener


def complain(sentence: str) -> NoReturn:
    """Print why something was refused and exit with status 1."""
    print(f"webex-connector: {sentence}", file=sys.stderr)
    raise SystemExit(1)


def refuse(sentence: str) -> NoReturn:
    """Print why the command cannot begin and exit with status 2."""
    print(f"webex-connector: {sentence}", file=sys.stderr)
    raise SystemExit(UNUSABLE)
