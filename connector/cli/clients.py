"""Commands that talk to a running server: send, status."""

import contextlib
import os
import ssl
import sys
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connector.cli.tables import TOKEN, table
from connector.cli.wiring import loaded_from
from connector.client import Client, ClientError, Status, Unreachable
from connector.config import ConfigError

API_KEY = "WEBEX_CONNECTOR_API_KEY"
"""Environment variable with the key to send; an option would show it to everybody on the host."""
CA = "WEBEX_CONNECTOR_CA"
"""Environment variable with a file of certificates to trust instead of the machine's."""

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        "-s",
        envvar="WEBEX_CONNECTOR_URL",
        help="The server's address; without it that of webex-connector.cfg here, or port 7023.",
    ),
]
Queue = Annotated[str, typer.Option("--queue", "-q", help="The queue: the action's name.")]
Token = Annotated[str, typer.Argument(help="The token that send printed.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (send, status):
        app.command(epilog="Exit status 1: the server refused, or the action did not finish.")(
            command
        )


def send(
    action: Annotated[str, typer.Argument(help="The action, such as Fetch.")],
    parameters: Annotated[
        list[str] | None, typer.Argument(help="Its parameters, as Name=value.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until it has ended.")] = False,
    key: Annotated[
        str | None, typer.Option("--key", help="Sent again with the same key, it is stored once.")
    ] = None,
    server: Server = None,
) -> None:
    """Send any action, such as: send Fetch FetchAction=Synchronize --wait."""
    pairs = {}
    for parameter in parameters or []:
        name, equals, value = parameter.partition("=")
        if not equals:
            raise typer.BadParameter(f"{parameter!r} is not of the form Name=value")
        pairs[name] = value
    with asking(server) as client:
        data = client.ask(action, pairs, key=key or uuid.uuid4().hex)
        token = data.findtext("token")
        if token is None:
            print(_text(data))
        elif not wait:
            print(token)
        else:
            print(f"token {token}")
            ended = follow(client, action, token, Console(stderr=True))
            print(_text(ended.element))
            if not ended.finished:
                raise typer.Exit(1)


def status(
    token: Annotated[str | None, typer.Argument(help="A token; without one, the queue.")] = None,
    queue: Queue = "Fetch",
    server: Server = None,
) -> None:
    """Show how an action is doing, or all of a queue, newest first."""
    with asking(server) as client:
        if token:
            print(_text(client.status(queue, token).element))
            return
        headers = ("token", "status", "queued", "seconds", "error")
        shown = table(*headers, whole={"token": TOKEN})
        for seen in client.listing(queue):
            ran = "" if seen.seconds is None else str(seen.seconds)
            shown.add_row(seen.token, seen.word, seen.queued_time, ran, seen.error or "")
        Console().print(shown)


def follow(client: Client, queue: str, token: str, console: Console) -> Status:
    """Show a progress bar until the action has ended, and return its last status."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        shown = bar.add_task("Queued", total=None, told="")

        def show(status: Status) -> None:
            facts = status.progress
            done, total = facts.get("rooms_done"), facts.get("rooms_total")
            told = [f"{facts[name]} {name}" for name in ("messages", "files") if name in facts]
            if done and total:
                told.insert(0, f"{done}/{total} rooms")
            bar.update(
                shown,
                description=status.word,
                completed=float(done or 0),
                total=float(total) if total else None,
                told=" · ".join(told),
            )

        ended = client.wait(queue, token, progress=show)
        bar.update(shown, total=1.0, completed=1.0)
        return ended


@contextlib.contextmanager
def asking(server: str | None) -> Iterator[Client]:
    """Open a client whose errors end the command with a sentence. None: this host's server."""
    try:
        key = os.environ.get(API_KEY) or None
        with Client(server or _here(), api_key=key, tls=_tls()) as client:
            yield client
    except Unreachable as error:
        told = "" if server else "; --server or WEBEX_CONNECTOR_URL names another"
        print(f"webex-connector: {error}{told}", file=sys.stderr)
        raise typer.Exit(1) from None
    except (ClientError, ValueError) as error:
        print(f"webex-connector: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def _here() -> str:
    """Return the address of the server that the settings of this folder describe."""
    try:
        settings = loaded_from(None, {}).settings
    except ConfigError:
        return "http://127.0.0.1:7023/"
    scheme = "http" if settings.ssl.ssl_certificate is None else "https"
    host = settings.server.host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.server.port}/"


def _tls() -> ssl.SSLContext | None:
    """Return what to trust if the environment says so. Raises ValueError if that cannot be read."""
    file = os.environ.get(CA)
    try:
        return ssl.create_default_context(cafile=file) if file else None
    except OSError as error:
        raise ValueError(f"{CA} names {file}, which cannot be used: {error}") from None


def _text(element: ET.Element) -> str:
    ET.indent(element)
    return ET.tostring(element, encoding="unicode").strip()
