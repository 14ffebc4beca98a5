"""`key`: make, list and revoke the API keys of HTTP clients, in the database itself."""

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from connector.actions.registry import names
from connector.cli import wiring
from connector.cli.tables import table
from connector.config.authorization import SERVICE_ROLES, STANDARD_ROLES
from connector.db import api_keys
from connector.db.api_keys import ApiKey

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")]
Url = Annotated[
    str | None, typer.Option("--database", help="Database URL, over all URLs of [Database].")
]
_DAY = 86400.0

keys = typer.Typer(no_args_is_help=True, help="API keys of HTTP clients: make, list, revoke.")


@keys.command(epilog="Clients send it as the header `Authorization: Bearer KEY`.")
def create(
    name: Annotated[str, typer.Argument(help="Who or what the key is for.")],
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help=f"What it may do: {', '.join(STANDARD_ROLES)}. [Query]"),
    ] = None,
    queue: Annotated[
        list[str] | None, typer.Option("--queue", "-q", help="Good for this queue alone.")
    ] = None,
    days: Annotated[
        float | None, typer.Option("--days", min=0, help="How long it is good for.")
    ] = None,
    config: Config = None,
    database: Url = None,
) -> None:
    """Make a key and print it. This is the only time that it can be seen."""
    if not name.strip() or not name.isprintable():
        raise typer.BadParameter("the name of a key is text that can be printed")
    roles = _known(role or ["Query"], STANDARD_ROLES, "role")
    queues = _known(queue, names(), "queue") if queue else None
    settings = wiring.settings_of(config, {"Database.URL": database})
    seconds = None if days is None else days * _DAY
    with wiring.checked_database(settings, "operator") as opened:
        key = opened.run(api_keys.create, name.strip(), roles, queues, _me(), seconds)
    Console(stderr=True).print(
        f"key {api_keys.public_part(key)} for {name.strip()}: roles {', '.join(roles)}; queues "
        f"{', '.join(queues) if queues else 'all'}. Keep it: it is shown this once.",
        soft_wrap=True,
        markup=False,
    )
    if queues and (useless := [name for name in roles if name in SERVICE_ROLES]):
        Console(stderr=True).print(
            f"note: {' and '.join(useless)} concern all queues, and so give a key nothing that is "
            "held to some; make another key without --queue for them",
            soft_wrap=True,
            markup=False,
        )
    print(key)


@keys.command("list")
def list_keys(config: Config = None, database: Url = None) -> None:
    """List the keys there are, and what each is good for; the keys themselves are not stored."""
    settings = wiring.settings_of(config, {"Database.URL": database})
    with wiring.checked_database(settings, "operator") as opened:
        listed, alive = opened.read(api_keys.every), opened.read(api_keys.live)
    headers = ("id", "name", "roles", "queues", "made (UTC)", "by", "state")
    shown = table(*headers, whole={"id": api_keys.ID_LENGTH})
    for key in listed:
        queues = "all" if key.queues is None else ", ".join(key.queues)
        made = f"{key.created_at:%Y-%m-%d %H:%M}"
        state = _state(key, key.id in alive)
        shown.add_row(key.id, key.name, ", ".join(key.roles), queues, made, key.created_by, state)
    Console().print(shown)


@keys.command()
def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The id that `key list` shows.")],
    config: Config = None,
    database: Url = None,
) -> None:
    """Have a key not be accepted any more; servers know within two seconds."""
    wanted = api_keys.public_part(identity) or identity
    settings = wiring.settings_of(config, {"Database.URL": database})
    with wiring.checked_database(settings, "operator") as opened:
        if not opened.run(api_keys.revoke, wanted, _me()):
            wiring.complain(f"there is no key {wanted[:60]}; webex-connector key list shows all")
    print(f"{wanted} is revoked")


def _state(key: ApiKey, alive: bool) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M} by {key.revoked_by}"
    if not alive:
        return f"expired {key.expires_at:%Y-%m-%d %H:%M}"
    return f"good until {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "good"


def _known(given: list[str], known: list[str] | tuple[str, ...], what: str) -> list[str]:
    """Return the names as they are spelled, each once; refuse others."""
    spelled = {name.casefold(): name for name in known}
    for name in given:
        if name.casefold() not in spelled:
            there = ", ".join(known)
            raise typer.BadParameter(f"there is no {what} {name!r}; there is {there}")
    return list(dict.fromkeys(spelled[name.casefold()] for name in given))


def _me() -> str:
    return f"cli {getpass.getuser()}"
