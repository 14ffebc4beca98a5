"""Doing a verb of the queue on the database itself, and telling what came of it."""

import getpass
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from connector.actions.events import outbox_of
from connector.cli import wiring
from connector.db.engine import Database, Tx
from connector.jobs import reading
from connector.jobs.errors import JobError
from connector.jobs.outbox import Outbox
from connector.jobs.states import State

T = TypeVar("T")

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")]
Url = Annotated[
    str | None, typer.Option("--database", help="Database URL, over all URLs of [Database].")
]
Reason = Annotated[str | None, typer.Option("--reason", "-r", help="Why, for the trail.")]
Token = Annotated[str, typer.Argument(help="The token that send printed.")]


def opened(config: Path | None, url: str | None) -> AbstractContextManager[Database]:
    """Open the database of the settings as an operator does."""
    settings = wiring.settings_of(config, {"Database.URL": url})
    return wiring.checked_database(settings, "operator")


def outbox(config: Path | None, url: str | None) -> Outbox:
    """Return who is to be told of what the verbs do."""
    return outbox_of(wiring.loaded_from(config, {"Database.URL": url}).settings)


def run(database: Database, verb: Callable[[Tx], T]) -> T:
    """Run a verb; what it refuses ends the command with its sentence."""
    try:
        return database.run(verb)
    except (JobError, ValueError) as error:
        wiring.complain(str(error))


def told(database: Database, token: str | None, verb: Callable[[Tx], State]) -> None:
    """Run a verb about one action, and print the state it is in then."""
    state = run(database, verb)
    job = database.read(reading.get, [token or ""]).get(token or "")
    database.notify({""})  # it may stand before all that wait
    asked = f", asked to {job.requested}" if job is not None and job.requested else ""
    print(f"{token} is {state}{asked}")


def me() -> str:
    """Who does it, for the trail."""
    return f"cli {getpass.getuser()}"
