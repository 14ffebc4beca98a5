"""`secrets`: the file with the keys that encrypt secret parameters of actions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.actions import keys
from connector.cli import wiring
from connector.config import keyfile
from connector.config.keyfile import NoKey
from connector.db import secret_keys

if TYPE_CHECKING:
    from connector.db.engine import Database

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

secrets = typer.Typer(
    no_args_is_help=True,
    help="The key file that encrypts secret parameters: rotate, forget, accept.",
)


@secrets.command(epilog="Copy the file to every host then: an action waits where its key lacks.")
def rotate(config: Config = None) -> None:
    """Put a new key into the key file; what older ones have encrypted is still decrypted."""
    with _file_and_database(config) as (path, database):
        _require_the_right_one(path, database)
        # In this order: a key of which no host would know must not be recorded.
        count = keyfile.rotate(path)
        database.run(secret_keys.record, keyfile.fingerprints(path))
    print(f"{path}: a new key encrypts from now on; {count} keys decrypt")


@secrets.command()
def forget(config: Config = None, yes: Yes = False) -> None:
    """Remove all keys but the newest: what they have encrypted can never be run again."""
    with _file_and_database(config) as (path, database):
        _require_the_right_one(path, database)
        if not yes:
            typer.confirm(
                f"Actions whose secrets an older key of {path} has encrypted can then neither "
                "begin nor be retried. Go on?",
                abort=True,
            )
        # In this order: a file with too many keys is still the right one.
        database.run(secret_keys.record, keyfile.fingerprints(path)[:1])
        gone = keyfile.forget(path)
    print(f"{path}: {gone} older keys are gone, one is left")


@secrets.command(epilog="For when the key file that all hosts had is lost for good.")
def accept(config: Config = None, yes: Yes = False) -> None:
    """Have the key file of this host, made if need be, be the one that every host must have."""
    with _file_and_database(config) as (path, database):
        if not yes:
            typer.confirm(
                f"Every host must have {path} then; what other keys have encrypted can neither "
                "begin nor be retried. Go on?",
                abort=True,
            )
        keyfile.made(path)
        database.run(secret_keys.record, keyfile.fingerprints(path))
    print(f"{path}: this is the key file from now on; copy it to every other host")


@contextmanager
def _file_and_database(config: Path | None) -> Iterator[tuple[Path, "Database"]]:
    settings = wiring.settings_of(config, {})
    with wiring.checked_database(settings, "operator") as database:
        try:
            yield settings.paths.keys, database
        except NoKey as error:
            wiring.refuse(str(error))
        except OSError as error:
            wiring.refuse(f"the key file {settings.paths.keys} cannot be written: {error.strerror}")


def _require_the_right_one(path: Path, database: "Database") -> None:
    if told := keys.objection(path, database.read(secret_keys.recorded)):
        raise NoKey(told)
