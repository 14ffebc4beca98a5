"""`secrets`: the file with the keys that encrypt secret parameters of actions."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli import wiring
from connector.config import keyring

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")]

secrets = typer.Typer(
    no_args_is_help=True, help="The key file that encrypts secret parameters: rotate, forget."
)


@secrets.command(epilog="Copy the file to every host then: an action waits where its key lacks.")
def rotate(config: Config = None) -> None:
    """Put a new key into the key file; what older ones have encrypted is still decrypted."""
    path = wiring.settings_of(config, {}).paths.keys
    try:
        count = keyring.rotate(path)
    except keyring.NoKey as error:
        wiring.refuse(str(error))
    print(f"{path}: a new key encrypts from now on; {count} keys decrypt")


@secrets.command()
def forget(
    config: Config = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove all keys but the newest: what they have encrypted can never be run again."""
    path = wiring.settings_of(config, {}).paths.keys
    if not yes:
        typer.confirm(
            f"Actions whose secrets an older key of {path} has encrypted can then neither begin "
            "nor be retried. Go on?",
            abort=True,
        )
    try:
        gone = keyring.forget(path)
    except keyring.NoKey as error:
        wiring.refuse(str(error))
    print(f"{path}: {gone} older keys are gone, one is left")
